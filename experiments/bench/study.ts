import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineStudy, type Lab, lora, openLab, runStudy } from 'phalanx'
import sharp from 'sharp'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { seconds } from './bare-socket.ts'
import { measureLargeStudy } from './large-study.ts'
import { processorSeconds } from './processor-time.ts'
import { type Row, tableOf } from './table.ts'

/** Figure 2 of the study that this package carries out: learning rates, with and without convolutions. */
const grid = {
  learningRates: [1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 1e-5],
  targets: { attention: ['attention', 'mlp'], convolutions: ['attention', 'mlp', 'convolution'] },
}
const trainingSteps = 10

await ensureEnvironment({ onProgress: ({ text }) => console.error(text) })
const load = (): string => loadavg()[0]?.toFixed(1) ?? '?'
const before = load()
const root = await mkdtemp(join(tmpdir(), 'phalanx-bench-'))
try {
  const images = join(root, 'images')
  await drawImages(images)
  const { clock, processor } = await measureGrid(images)
  const row: Row = {
    what: `12 LoRA trainings of ${trainingSteps} steps with samples`,
    ours: `one warm worker: ${clock.warm.toFixed(0)} s, ${processor.warm.toFixed(0)} s`,
    peer: `12 workers: ${clock.apart.toFixed(0)} s, ${processor.apart.toFixed(0)} s`,
    ratio: `${(clock.apart / clock.warm).toFixed(2)}, ${(processor.apart / processor.warm).toFixed(2)}`,
    aim: '>= 3',
  }
  const large = await measureLargeStudy(join(root, 'large'))
  console.log(`On ${availableParallelism()} cores, load ${before} before and ${load()} after.`)
  console.log(tableOf([row, ...large]))
  console.log(
    'The first row is by the clock and in processor time, start and end of the workers included, its ratio peer / ours; it ' +
      'falls as trainings become longer than a start.',
  )
} finally {
  await rm(root, { recursive: true, force: true })
}

interface Sides {
  warm: number
  apart: number
}

/** Every training of the grid on the warm worker and then on a fresh one, so that both see the same machine. */
async function measureGrid(images: string): Promise<{ clock: Sides; processor: Sides }> {
  const clock: Sides = { warm: 0, apart: 0 }
  const processor: Sides = { warm: 0, apart: 0 }
  const measure = async (side: keyof Sides, action: () => Promise<void>) => {
    const start = processorSeconds()
    clock[side] += await seconds(action)
    processor[side] += processorSeconds() - start
  }
  let warm: Lab | undefined
  await measure('warm', async () => {
    warm = await openLab({ folder: join(root, 'warm') })
  })
  // A worker's own time is known when it has ended.
  for (const [name, targets] of Object.entries(grid.targets)) {
    for (const rate of grid.learningRates) {
      await measure('warm', () => runOne(warm as Lab, images, rate, targets))
      await measure('apart', async () => {
        await using lab = await openLab({ folder: join(root, `${name}-${rate}`) })
        await runOne(lab, images, rate, targets)
      })
    }
  }
  await measure('warm', async () => warm?.close())
  return { clock, processor }
}

async function runOne(lab: Lab, images: string, learningRate: number, targets: readonly string[]): Promise<void> {
  const technique = lora({ rank: 32, alpha: 1, targets: [...targets] as ('attention' | 'mlp' | 'convolution')[] })
  const study = defineStudy({
    name: 'figure-2',
    bases: ['tiny-hands'],
    baseline: 'lora',
    arms: { lora: { train: { technique, steps: trainingSteps, batchSize: 4, optimizer: { learningRate } } } },
    datasets: { hands: { path: images, caption: 'a photo of a hand' } },
    prompts: ['a photo of a hand giving a thumbs up', 'a photo of a handshake'],
    seeds: 2,
    sampling: { steps: 10 },
  })
  const { counts } = await runStudy(lab, study)
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
