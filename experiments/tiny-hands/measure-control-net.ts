import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { openLab, renderHands, type SampledImage } from 'phalanx'
import sharp from 'sharp'
import { wilsonInterval } from '../../src/metrics/index.ts'

/**
 * Measures a depth ControlNet of `tiny-hands` on renders that it never saw, and writes beside it a sheet (depth, drawn
 * with it, drawn without it) and `card.json` with the share of hands whose fingers the classifier counts as rendered.
 */
const { values } = parseArgs({
  options: {
    control: { type: 'string', default: 'src/weights/tiny-hands-depth' },
    output: { type: 'string', default: 'src/weights/tiny-hands-depth' },
    work: { type: 'string', default: 'phalanx-lab/tiny-hands-depth-measured' },
    hands: { type: 'string', default: '96' },
  },
})
const output = path.resolve(values.output)
const work = path.resolve(values.work)
const firstSeed = 2_000_000
const sampling = { sampler: 'ddim', steps: 30, guidance: 4, batchSize: 12 } as const
const shown = 10

await using lab = await openLab({ folder: work, onProgress: ({ text }) => console.log(text) })
const base = await lab.base('tiny-hands')
const { file } = await lab.controlNet(path.resolve(values.control))
const folder = path.join(work, 'renders')
const size = base.description.imageSize
await renderHands(folder, { count: Number(values.hands), size, seed: firstSeed, control: 'depth', style: 'photo' })
const text = await readFile(path.join(folder, 'metadata.jsonl'), 'utf8')
const hands = text
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { text: string; control: string; fingers: number })
const picture = (name: string) => path.join(folder, name)
const requests = hands.map(({ text: prompt, control }, seed) => ({ prompt, seed, controls: [picture(control)] }))
const controlled = await lab.sample({ base, requests, controls: [{ file }], ...sampling })
const free = await lab.sample({ base, requests: requests.map(({ controls: _, ...rest }) => rest), ...sampling })

const card = {
  base: base.description.sha256,
  sampling,
  rightCount: {
    hands: hands.length,
    with: await rightCounts('with', controlled),
    without: await rightCounts('without', free),
  },
}
await writeFile(path.join(output, 'card.json'), `${JSON.stringify(card, null, 2)}\n`)
await writeFile(path.join(output, 'samples.png'), await sheet())
console.log(card.rightCount)

async function rightCounts(name: string, images: readonly SampledImage[]) {
  const files = images.map((_, i) => path.join(work, `${name}-${i}.png`))
  await Promise.all(images.map((image, i) => image.save(files[i]!)))
  const judgements = await lab.classify({ images: files })
  const right = judgements.filter((judgement, i) => judgement.fingers === hands[i]!.fingers).length
  return { right, share: right / files.length, ...wilsonInterval(right, files.length) }
}

/** Every so many hands one column: depth, with it, without it, at twice the size. */
async function sheet(): Promise<Buffer> {
  const columns = Array.from({ length: shown }, (_, i) => Math.floor((i * hands.length) / shown))
  const tiles = columns.flatMap((hand, column) => [
    { input: picture(hands[hand]!.control), left: column * size, top: 0 },
    tile(controlled[hand]!, column, 1),
    tile(free[hand]!, column, 2),
  ])
  const canvas = await sharp({ create: { width: shown * size, height: 3 * size, channels: 3, background: 'white' } })
    .composite(tiles)
    .png()
    .toBuffer()
  return sharp(canvas)
    .resize(2 * shown * size, 6 * size, { kernel: 'nearest' })
    .png()
    .toBuffer()
}

function tile({ pixels, width, height }: SampledImage, column: number, row: number) {
  const raw = { width, height, channels: 3 as const }
  return { input: Buffer.from(pixels), raw, left: column * size, top: row * size }
}
