import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { baseArchitecture } from '../../src/config/architecture.ts'
import { presentation, subsetsOf } from '../../src/config/subset.ts'
import { trainingSettings } from '../../src/config/training.ts'
import type { DatasetReference, JobOf } from '../../src/protocol/jobs.ts'
import type { TrainResult } from '../../src/protocol/results.ts'
import { tinyArchitecture } from '../../src/testing/tiny-base.ts'
import { type RunEvent, startWorker, type Worker } from '../../src/worker/index.ts'
import { fixture, packageFolder, python } from './scripted-worker.ts'

const environment = { OMP_NUM_THREADS: '1' }
const checkpointEvery = 2
const deadlyStep = 6

let folder: string
let base: string
let dataset: DatasetReference
let whole: { readonly result: TrainResult; readonly series: readonly unknown[] }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resume-'))
  base = join(folder, 'base')
  dataset = await makeDataset(join(folder, 'images'))
  await using worker = await startWorker({ python, packageFolder, environment })
  await worker.submit({
    type: 'create-base',
    architecture: baseArchitecture.parse(tinyArchitecture),
    captions: ['a photo of a hand'],
    seed: 1,
    output: base,
    weights: 'float32',
  })
  whole = await train(worker, 'whole')
}, 300_000)
afterAll(() => rm(folder, { recursive: true }))

test.each(['forward', 'backward', 'optimizer', 'checkpoint'])(
  'a training killed in its %s goes on with a new worker and ends bit-equal to one that was not',
  async (place) => {
    const memory = join(folder, `${place}.died`)
    await using worker = await startWorker({
      python,
      packageFolder,
      environment,
      entry: [fixture('dies-in-training.py'), place, memory],
    })
    const { result, series, events } = await train(worker, place)
    expect(existsSync(memory)).toBe(true)
    expect(events.filter((event) => event.type === 'worker-restart')).toMatchObject([
      { attempt: 1, reason: expect.stringContaining('SIGKILL') },
    ])
    // The checkpoint of the deadly step was not whole, so it does not count.
    expect(result.resumedFrom).toBe(deadlyStep - checkpointEvery)
    expect(result.sha256).toBe(whole.result.sha256)
    expect(result.finalLoss).toBe(whole.result.finalLoss)
    expect(series).toEqual(whole.series)
  },
  300_000,
)

test('without restarts the run fails, and submitting it again goes on', async () => {
  const options = { python, packageFolder, environment, settings: { restarts: 0 } }
  const entry = [fixture('dies-in-training.py'), 'optimizer', join(folder, 'again.died')]
  await using worker = await startWorker({ ...options, entry })
  await expect(worker.submit(trainJob('again')).result).rejects.toMatchObject({ code: 'worker-died' })
  const { result, series } = await train(worker, 'again')
  expect(result.resumedFrom).toBe(deadlyStep - checkpointEvery)
  expect([result.sha256, series]).toEqual([whole.result.sha256, whole.series])
}, 300_000)

test('a training that dies in every worker is given up after its restarts, and the worker lives on', async () => {
  const entry = [fixture('dies-in-training.py'), 'optimizer', 'always']
  await using worker = await startWorker({ python, packageFolder, environment, settings: { restarts: 2 }, entry })
  const run = worker.submit(trainJob('hopeless'))
  const restarts: RunEvent[] = []
  const read = async (): Promise<void> => {
    for await (const event of run) if (event.type === 'worker-restart') restarts.push(event)
  }
  await expect(read()).rejects.toMatchObject({ code: 'worker-died' })
  await expect(run.result).rejects.toMatchObject({ code: 'worker-died' })
  expect(restarts).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  expect((await worker.submit({ type: 'inspect-base', base }).result).family).toBe('sd-1')
}, 300_000)

async function train(worker: Worker, name: string) {
  const run = worker.submit(trainJob(name))
  const events: RunEvent[] = []
  for await (const event of run) events.push(event)
  const result = await run
  const lines = (await readFile(result.series, 'utf8')).trim().split('\n')
  // Times differ between any two trainings.
  const series = lines.map((line) => ({ ...(JSON.parse(line) as object), seconds: undefined }))
  expect(series).toHaveLength(8)
  return { result, series, events }
}

function trainJob(name: string): JobOf<'train'> {
  return {
    type: 'train',
    base,
    subsets: subsetsOf({ ...presentation.parse({ captionDropout: 0.3, flip: true }), dataset }),
    settings: trainingSettings.parse({
      technique: { type: 'lora', rank: 2 },
      optimizer: { learningRate: 0.01 },
      schedule: { type: 'cosine', warmupSteps: 2 },
      steps: 8,
      batchSize: 2,
      emaDecay: 0.9,
      checkpointEvery,
    }),
    buckets: null,
    heldOut: null,
    pauseAfter: null,
    output: join(folder, name),
    // The name is written into the file, so it must be the same for the bytes to be.
    name: 'result',
  }
}

async function makeDataset(root: string): Promise<DatasetReference> {
  await mkdir(root)
  const items = await Promise.all(
    [0, 1, 2, 3, 4].map(async (index) => {
      const background = { r: 50 * index, g: 200 - 40 * index, b: 90 }
      const png = await sharp({ create: { width: 16, height: 16, channels: 3, background } })
        .png()
        .toBuffer()
      const file = `${index}.png`
      await writeFile(join(root, file), png)
      return {
        file,
        sha256: sha256(png),
        caption: `a photo of a hand ${index}`,
        width: 16,
        height: 16,
        fingers: null,
        defect: null,
        control: null,
        mask: null,
        repeats: 1,
      }
    }),
  )
  const text = items.map((item) => `${JSON.stringify(item)}\n`).join('')
  const manifest = join(root, 'manifest.jsonl')
  await writeFile(manifest, text)
  return { root, manifest, sha256: sha256(text) }
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
