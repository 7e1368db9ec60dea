import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import {
  type Base,
  controlNet,
  type Dataset,
  defectProbability,
  defectRate,
  fingerCount,
  full,
  kernelDistanceTo,
  type Lab,
  lora,
  type Measure,
  type MetricEvent,
  negativeEmbedding,
  openLab,
  pictureMetric,
  readRunRecord,
  readSeries,
  type TechniqueInputOf,
  type TrainRequest,
  type TrainRun,
  textualInversion,
} from '../../src/index.ts'
import { kernelDistance } from '../../src/metrics/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { python } from '../worker/scripted-worker.ts'

const hand = 'a photo of a hand'
const drawing = { seeds: [1, 2, 3], sampling: { steps: 2, guidance: 1 } }
let lab: Lab
let base: Base
let dataset: Dataset
let request: TrainRequest<TechniqueInputOf<'lora'>>
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'hands'), { 'hand/1.png': 10, 'hand/2.png': 120, 'hand/3.png': 230 })
  dataset = await lab.dataset(join(lab.folder, 'hands'))
  request = {
    ...{ base, dataset, technique: lora({ rank: 2 }), steps: 6, batchSize: 2, emaDecay: 0.9 },
    ...{ optimizer: { learningRate: 0.05 }, name: 'chosen', checkpointEvery: 3 },
  }
})
afterAll(() => lab?.close())
afterEach(() => vi.unstubAllEnvs())

/** A metric that finds what the list says, call by call. */
function scripted(values: readonly (number | Error)[], better: 'higher' | 'lower' = 'higher') {
  let call = 0
  const measure: Measure = () => {
    const value = values[call++]
    if (value instanceof Error) throw value
    return value as number
  }
  const metric = pictureMetric({ name: 'scripted', better, prompts: [hand], measure })
  return { type: 'metric' as const, metric, every: 2, sampling: { steps: 1, guidance: 1 } }
}

async function measured(run: TrainRun<unknown>): Promise<MetricEvent[]> {
  const events: MetricEvent[] = []
  for await (const event of run) if (event.type === 'metric-end') events.push(event)
  return events
}

const inFolder = (name: string) => ({ folder: join(lab.folder, name) })

test('the metric is taken on what the training would give then, and its best result becomes that of the training', async () => {
  const plain = await lab.train({ ...request, ...inFolder('plain') })
  const metric = kernelDistanceTo(dataset, { prompts: [hand] })
  const run = lab.train({ ...request, ...inFolder('kernel'), best: { type: 'metric', metric, every: 4, ...drawing } })
  const events = await measured(run)
  expect(events.map(({ step, total, metric }) => [step, total, metric])).toEqual(
    [4, 6].map((step) => [step, 6, 'kernel-distance']),
  )
  const chosen = await run
  const record = await readRunRecord(run.folder)
  const values = events.map(({ step, value }) => ({ step, value }))
  const smallest = Math.min(...values.map(({ value }) => value))
  const best = values.find(({ value }) => value === smallest)
  expect(record.best).toMatchObject({
    ...{ type: 'metric', better: 'lower', values },
    ...{ metric: { type: 'kernel-distance', against: dataset.sha256 }, settings: { every: 4, seeds: [1, 2, 3] } },
  })
  expect(record.result).toMatchObject({
    steps: 6,
    exportedStep: best?.step,
    path: 'chosen.safetensors',
    sha256: chosen.sha256,
  })
  const series = await readSeries(join(run.folder, 'series.jsonl'))
  expect(series.flatMap(({ step, metric }) => (metric === null ? [] : [{ step, value: metric }]))).toEqual(values)
  // The value again, from the result and the parts that anybody has.
  const { seeds, sampling } = drawing
  const images = await lab.sample({ base, adapters: [chosen], prompts: [hand], seeds, ...sampling })
  const files = await Promise.all(
    images.map(async (image) => {
      const file = join(lab.folder, `again-${image.seed}.png`)
      await image.save(file)
      return file
    }),
  )
  const references = dataset.items.map(({ file }) => join(dataset.root, file))
  const [drawn, real] = await Promise.all([files, references].map((paths) => lab.classify({ images: paths })))
  const features = (judged: Awaited<ReturnType<Lab['classify']>>) => judged.map((one) => one.features)
  // Sums of squares in another order of images differ in the last bits.
  expect(kernelDistance(features(drawn ?? []), features(real ?? []))).toBeCloseTo(smallest, 10)
  // Pauses change nothing: had the last step been the best, its file would be that of a training without them.
  const last = await lab.train({ ...request, ...inFolder('last'), best: scripted([1, 2, 3]) })
  expect(last.sha256).toBe(plain.sha256)
  expect((await readdir(run.folder)).toSorted()).not.toContain('paused')
  expect((await readdir(join(run.folder, 'measured/step-00000006'))).toSorted()).toEqual([
    '0000.png',
    '0001.png',
    '0002.png',
  ])
}, 180_000)

test('equals leave the earlier one; patience ends the training, and lower may be better', async () => {
  const ties = lab.train({
    ...request,
    ...inFolder('ties'),
    steps: 10,
    best: { ...scripted([2, 3, 3, 3, 1]), patience: 2 },
  })
  expect((await measured(ties)).map(({ value, best }) => [value, best])).toEqual([
    [2, true],
    [3, true],
    [3, false],
    [3, false],
  ])
  expect((await ties.record).result).toMatchObject({ steps: 8, exportedStep: 4 })
  const lower = lab.train({ ...request, ...inFolder('lower'), best: scripted([2, 1, 3], 'lower') })
  expect((await lower.record).result).toMatchObject({ steps: 6, exportedStep: 4 })
}, 180_000)

test('however a training is stopped, it chooses the same weights when it goes on', async () => {
  const values = [1, 5, 5]
  const whole = await lab.train({ ...request, ...inFolder('whole'), best: scripted(values) })
  for (const when of ['training', 'measuring', 'measured'] as const) {
    const controller = new AbortController()
    const stopping = scripted(values)
    const measure: Measure = (pictures, { signal }) => {
      const value = stopping.metric.measure(pictures, { signal })
      if (when === 'measuring' && value === 5) controller.abort()
      signal.throwIfAborted()
      return value
    }
    const best = { ...stopping, metric: { ...stopping.metric, measure } }
    const run = lab.train({ ...request, ...inFolder(when), best }, { signal: controller.signal })
    const follow = async (): Promise<void> => {
      for await (const event of run) {
        if (when === 'training' && event.type === 'step-end' && event.step === 3) controller.abort()
        if (when === 'measured' && event.type === 'metric-end' && event.step === 2) controller.abort()
      }
    }
    await expect(follow()).rejects.toMatchObject({ code: when === 'measuring' ? 'metric-failed' : 'job-cancelled' })
    const again = lab.train({ ...request, ...inFolder(when), best: scripted(values.slice(1)) })
    expect((await measured(again)).map(({ step }) => step)).toEqual([4, 6])
    expect((await again).sha256).toBe(whole.sha256)
    const { best: chosen, result } = await again.record
    expect(result).toMatchObject({ exportedStep: 4, steps: 6 })
    expect(chosen).toMatchObject({ values: values.map((value, i) => ({ step: 2 * i + 2, value })) })
  }
  // As many as the shared worker has: sums over lanes depend on it.
  vi.stubEnv('OMP_NUM_THREADS', '1')
  await using own = await openLab({ folder: join(lab.folder, 'own'), python })
  const killed = own.train({ ...request, ...inFolder('killed'), best: scripted(values) })
  const types: string[] = []
  for await (const event of killed) {
    types.push(event.type)
    if (event.type === 'checkpoint-end' && event.step === 3) process.kill(own.workers[0]?.pid ?? 0, 'SIGKILL')
  }
  expect(types).toContain('worker-restart')
  expect((await killed).sha256).toBe(whole.sha256)
}, 180_000)

test('a finished training is not measured again, and tells when its result is gone', async () => {
  const [best, folder] = [scripted([1, 2, 0]), inFolder('finished')]
  const first = await lab.train({ ...request, ...folder, best })
  const again = lab.train({ ...request, ...folder, best: scripted([]) })
  expect(await measured(again)).toEqual([])
  expect((await again).sha256).toBe(first.sha256)
  await expect(lab.train({ ...request, ...folder, best: { ...best, every: 3 } }).result).rejects.toMatchObject({
    name: 'ArtefactError',
    code: 'config-changed',
  })
  await rm(first.file)
  const gone = lab.train({ ...request, ...folder, best })
  await expect(gone.result).rejects.toMatchObject({ name: 'ArtefactError', code: 'chosen-result-missing' })
  await writeFile(join(folder.folder, 'measurements.json'), '{')
  const broken = lab.train({ ...request, ...folder, best })
  await expect(broken.result).rejects.toMatchObject({ name: 'ArtefactError', code: 'broken-measurements' })
}, 180_000)

test('a metric that fails or gives no number ends the training with its error, which goes on when it is mended', async () => {
  const folder = inFolder('failing')
  const run = (values: readonly (number | Error)[]) => lab.train({ ...request, ...folder, best: scripted(values) })
  await expect(run([1, new Error('no model')]).result).rejects.toMatchObject({
    ...{ name: 'JobError', code: 'metric-failed', facts: { metric: 'scripted' } },
    ...{ message: expect.stringContaining('no model'), cause: new Error('no model') },
  })
  const error = { name: 'JobError', code: 'metric-not-finite', facts: { value: 'NaN' } }
  await expect(run([Number.NaN]).result).rejects.toMatchObject(error)
  expect((await run([7, 3]).record).result).toMatchObject({ exportedStep: 4, steps: 6 })
}, 180_000)

test('every technique is drawn with as what it makes', async () => {
  const control = join(dataset.root, dataset.items[0]?.file ?? '')
  await writeFolder(join(lab.folder, 'pairs'), { '1.png': 10, '2.png': 90, '1.control.png': 20, '2.control.png': 200 })
  const short = { base, dataset, steps: 2, batchSize: 1 }
  const by = { type: 'metric' as const, every: 1, seeds: [1], sampling: { steps: 1, guidance: 2 } }
  const probability = defectProbability({ prompts: [hand] })
  const whole = await lab.train({
    ...short,
    technique: full({ layout: 'single-file' }),
    best: { ...by, metric: probability },
  })
  expect(await lab.sample({ base: whole, prompts: [hand], seeds: [1], steps: 1 })).toHaveLength(1)
  const words = fingerCount({ expected: { 'a photo of a <hand>': 5 } })
  expect((await lab.train({ ...short, technique: textualInversion(), best: { ...by, metric: words } })).kind).toBe(
    'embedding',
  )
  const away = { ...by, metric: defectRate({ prompts: [hand] }), negativePrompt: '<bad-hands>' }
  expect((await lab.train({ ...short, technique: negativeEmbedding(), best: away })).kind).toBe('embedding')
  const pairs = await lab.dataset(join(lab.folder, 'pairs'))
  const net = { ...short, dataset: pairs, technique: controlNet({ channels: [4, 4] }) }
  expect((await lab.train({ ...net, best: { ...by, metric: probability, control } })).type).toBe('control-net')
}, 180_000)

test('a choice that would have no effect, or cannot be made, is refused at once', () => {
  const by = { type: 'metric', metric: defectRate({ prompts: [hand] }), every: 2 } as const
  const refused = (more: object, code: string, words: RegExp) => {
    const call = () => lab.train({ ...request, ...more } as typeof request)
    expect(call).toThrowError(expect.objectContaining({ name: 'ConfigError', code }))
    expect(call).toThrow(words)
  }
  refused({ best: { ...by, every: 6 } }, 'setting-without-effect', /only the last ones/)
  refused({ best: { ...by, patience: 2 } }, 'setting-without-effect', /best\.patience/)
  refused({ best: { ...by, control: 'a.png' } }, 'setting-without-effect', /best\.control/)
  refused(
    { best: { ...by, negativePrompt: 'x', sampling: { guidance: 1 } } },
    'setting-without-effect',
    /guidance is 1/,
  )
  refused({ best: { ...scripted([]), classifier: 'x' } }, 'setting-without-effect', /best\.classifier/)
  refused({ best: { type: 'held-out-loss' } }, 'best-without-held-out', /heldOut: \{ dataset \}/)
  refused({ best: by, technique: controlNet() }, 'control-picture-missing', /best\.control/)
  refused({ best: by, technique: textualInversion() }, 'learned-word-unused', /<hand>/)
  refused({ best: by, technique: negativeEmbedding() }, 'learned-word-unused', /<bad-hands>/)
  const many = { ...by, metric: kernelDistanceTo(dataset, { prompts: [hand] }), seeds: [1, 2, 3, 4] }
  refused({ best: many }, 'too-few-images', /4 pictures .* 3 images/)
  refused({ best: by, engine: { type: 'kohya', home: '/nowhere' } }, 'engine-cannot-express', /best: it does not pause/)
  refused({ best: { ...by, metric: { type: 'defect-rate' } } }, 'invalid-settings', /best\.metric\.prompts: is missing/)
  refused({ best: { ...by, evry: 3 } }, 'invalid-settings', /"every"/)
  refused({ best: { type: 'metrik' } }, 'invalid-settings', /Did you mean "metric"/)
})
