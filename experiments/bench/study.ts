import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineStudy, lora, openLab, planStudy, runStudy, type StudyInput } from 'phalanx'
import sharp from 'sharp'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { seconds } from './bare-socket.ts'
import { measureLargeStudy } from './large-study.ts'
import { type Row, tableOf } from './table.ts'

/** Figure 2 of the study that this package carries out: learning rates, with and without convolutions. */
const grid = {
  learningRates: [1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 1e-5],
  targets: { attention: ['attention', 'mlp'], convolutions: ['attention', 'mlp', 'convolution'] },
}
const trainingSteps = 20

await ensureEnvironment({ onProgress: ({ text }) => console.error(text) })
const load = (): string => loadavg()[0]?.toFixed(1) ?? '?'
const before = load()
const root = await mkdtemp(join(tmpdir(), 'phalanx-bench-'))
try {
  const images = join(root, 'images')
  await drawImages(images)
  const warm = await seconds(() => runGrid(join(root, 'warm'), images, grid.learningRates, grid.targets))
  let apart = 0
  for (const [name, targets] of Object.entries(grid.targets)) {
    for (const rate of grid.learningRates) {
      const folder = join(root, `${name}-${rate}`)
      apart += await seconds(() => runGrid(folder, images, [rate], { [name]: targets }))
    }
  }
  const row: Row = {
    what: `12 LoRA trainings of ${trainingSteps} steps with samples`,
    ours: `one warm worker: ${warm.toFixed(1)} s`,
    peer: `12 processes: ${apart.toFixed(1)} s`,
    ratio: (apart / warm).toFixed(2),
    aim: '>= 3',
  }
  const large = await measureLargeStudy(join(root, 'large'))
  console.log(`On ${availableParallelism()} cores, load ${before} before and ${load()} after.`)
  console.log(tableOf([row, ...large]))
  console.log(
    'The first ratio is peer / ours by the clock, start and end of the processes included, and falls as trainings become ' +
      'longer than a start.',
  )
} finally {
  await rm(root, { recursive: true, force: true })
}

/** Opens a lab with a worker of its own, runs a part of the grid, and closes it. */
async function runGrid(
  folder: string,
  images: string,
  learningRates: readonly number[],
  targets: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  await using lab = await openLab({ folder })
  const technique = lora({ rank: 32, alpha: 1 })
  const study = defineStudy({
    name: 'figure-2',
    bases: ['tiny-hands'],
    baseline: 'lora',
    arms: {
      lora: {
        train: { technique, steps: trainingSteps, batchSize: 4 },
        over: { learningRate: [...learningRates], targets },
      },
    },
    datasets: { hands: { path: images, caption: 'a photo of a hand' } },
    prompts: ['a photo of a hand giving a thumbs up', 'a photo of a handshake'],
    seeds: 2,
    sampling: { steps: 10 },
  } satisfies StudyInput)
  const planned = await planStudy(lab, study)
  const { counts } = await runStudy(lab, study, { planned })
  if (counts.failed > 0) throw new Error(`${counts.failed} cells failed`)
}

/** What is drawn does not matter to time. */
async function drawImages(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (let i = 0; i < 12; i++) {
    const background = { r: 20 * i, g: 128, b: 255 - 20 * i }
    await sharp({ create: { width: 64, height: 64, channels: 3, background } })
      .png()
      .toFile(join(folder, `${i}.png`))
  }
}
