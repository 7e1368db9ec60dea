import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Base, Dataset, Lab, SampleOptions, Samples } from 'phalanx'
import sharp from 'sharp'
import type { CommandContext } from '../../src/cli/command.ts'
import { prompt, type Showing, sampling, seeds, showings } from './techniques.ts'

const tile = 128
const label = 200

/**
 * Trains every technique for some steps on the pictures of a dataset, draws the same prompt and seeds with each, and
 * writes one sheet. A training that is finished already is not done again.
 */
export async function showEveryTechnique(
  lab: Lab,
  base: Base,
  dataset: Dataset,
  { terminal, signal }: Pick<CommandContext, 'terminal' | 'signal'>,
): Promise<string> {
  const rows: { name: string; samples: Samples }[] = []
  for (const showing of showings) {
    const started = performance.now()
    const name = `demo-${showing.name.toLowerCase().replaceAll(' ', '-')}`
    const drawing = await trained(lab, base, dataset, { showing, name, terminal, signal })
    const samples = await lab.sample({ ...sampling, ...drawing }, { signal })
    rows.push({ name: showing.name, samples })
    terminal.note(`${showing.name}: ${((performance.now() - started) / 1000).toFixed(0)} s`)
  }
  const folder = join(lab.folder, 'techniques')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'techniques.png')
  await writeSheet(file, rows)
  return file
}

interface Doing extends Pick<CommandContext, 'terminal' | 'signal'> {
  readonly showing: Showing
  readonly name: string
}

/** What the drawings of a technique are asked for, after its training. */
async function trained(lab: Lab, base: Base, dataset: Dataset, doing: Doing): Promise<SampleOptions> {
  const { showing, name, terminal, signal } = doing
  const { prompt: worded = prompt, ...more } = showing.drawing ?? {}
  const drawing = { base, prompts: [worded], seeds, ...more }
  if (showing.training === undefined) return drawing
  const request = { ...showing.training, base, dataset, name, captionDropout: 0.1 }
  const run =
    showing.dreamBooth === undefined
      ? lab.train(request, { signal })
      : lab.dreamBooth({ ...request, ...showing.dreamBooth }, { signal })
  for await (const event of run) {
    if (event.type === 'progress-update') terminal.status(`${showing.name}: ${event.done} of ${event.total}`)
    if (event.type === 'step-end') terminal.status(`${showing.name}: step ${event.step} of ${event.total}`)
  }
  const result = await run
  if (result.type === 'base') return { ...drawing, base: result }
  if (result.type === 'adapter') return { ...drawing, adapters: [result] }
  const picture = join(dataset.root, dataset.items[0]?.control?.file ?? '')
  return { ...drawing, controls: [{ file: result.file, picture }] }
}

async function writeSheet(file: string, rows: readonly { name: string; samples: Samples }[]): Promise<void> {
  const tiles = await Promise.all(
    rows.flatMap(({ samples }, row) =>
      samples.map(async ({ pixels, width, height }, column) => ({
        input: await sharp(pixels, { raw: { width, height, channels: 3 } })
          .resize(tile, tile, { kernel: 'nearest' })
          .png()
          .toBuffer(),
        left: label + column * tile,
        top: row * tile,
      })),
    ),
  )
  const words = rows.map(
    ({ name }, row) =>
      `<text x="12" y="${row * tile + tile / 2}" font-family="serif" font-style="italic" font-size="18">${name}</text>`,
  )
  const [width, height] = [label + seeds.length * tile, rows.length * tile]
  const names = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${label}" height="${height}">${words.join('')}</svg>`,
  )
  await sharp({ create: { width, height, channels: 3, background: 'white' } })
    .composite([{ input: names, left: 0, top: 0 }, ...tiles])
    .png()
    .toFile(file)
}
