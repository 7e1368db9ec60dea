import { rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readRunRecord } from '../../src/artefact/record.ts'
import { readSeries } from '../../src/artefact/series.ts'
import {
  type Base,
  type Dataset,
  full,
  type Lab,
  lora,
  negativeEmbedding,
  openLab,
  type SampleEvent,
  type TrainRequest,
  textualInversion,
} from '../../src/index.ts'
import { imageMatchers, openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let dataset: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90, 'hand/3.png': 200 })
  dataset = await lab.dataset(join(lab.folder, 'images'))
})
afterAll(() => lab?.close())

const short = { steps: 3, batchSize: 2, checkpointEvery: 1 }

test('a LoRA is trained, recorded, laid over the base, and changes its pictures', async () => {
  const run = lab.train({ base, dataset, technique: lora({ rank: 2 }), optimizer: { learningRate: 0.5 }, ...short })
  const steps: number[] = []
  for await (const event of run) if (event.type === 'step-end') steps.push(event.step)
  const adapter = await run
  expect(steps).toEqual([1, 2, 3])
  expect(adapter).toMatchObject({ kind: 'lora', file: join(run.folder, `${run.name}.safetensors`) })
  expect(await readRunRecord(run.folder)).toEqual(await run.record)
  expect((await run.record).result).toMatchObject({ path: `${run.name}.safetensors`, sha256: adapter.sha256, steps: 3 })
  expect((await readSeries(join(run.folder, 'series.jsonl'))).map(({ step }) => step)).toEqual(steps)

  const request = { base, prompts: ['a hand'], seeds: [1, 2], steps: 2 }
  const [plain, plainAgain, changed, unchanged] = await Promise.all([
    lab.sample(request),
    lab.sample(request),
    lab.sample({ ...request, adapters: [adapter] }),
    lab.sample({ ...request, adapters: [adapter.strength(0)] }),
  ])
  const verdict = (other: typeof plain) =>
    imageMatchers.toBeCloseToImage(plain[0]!, other[0]!, { mean: 0, maximum: 0 }).then(({ pass }) => pass)
  expect([await verdict(plainAgain), await verdict(unchanged), await verdict(changed)]).toEqual([true, true, false])
})

test('an equal training is found finished; another one in its folder is refused', async () => {
  const request = { base, dataset, technique: textualInversion({ placeholder: '<x>' }), ...short }
  const first = lab.train(request)
  const adapter = await first
  expect(adapter.kind).toBe('embedding')
  const again = lab.train(request)
  expect(again.folder).toBe(first.folder)
  expect((await again).sha256).toBe(adapter.sha256)
  const other = lab.train({ ...request, steps: 4, folder: first.folder, name: first.name })
  await expect(other).rejects.toMatchObject({ name: 'ArtefactError', code: 'config-changed' })
})

test('a negative embedding is trained and changes pictures as a negative prompt', async () => {
  const technique = negativeEmbedding({ placeholder: '<bad>', vectors: 2, initialWord: 'hand' })
  const adapter = await lab.train({ base, dataset, technique, ...short, optimizer: { learningRate: 0.1 } })
  expect(adapter).toMatchObject({ kind: 'embedding', metadata: { 'phalanx.technique': 'negative-embedding' } })
  const draw = (negativePrompt: string) =>
    lab.sample({ base, adapters: [adapter], prompts: ['a hand'], seeds: [1], steps: 2, negativePrompt })
  const [plain, away] = await Promise.all([draw(''), draw('<bad>')])
  expect((await imageMatchers.toBeCloseToImage(plain[0]!, away[0]!, { mean: 0, maximum: 0 })).pass).toBe(false)
})

test('a torch archive that is torn is told by the worker, which lives on', async () => {
  await writeFolder(lab.folder, { 'torn.pt': Buffer.from('PK\x03\x04archive/data.pkl') })
  const adapter = await lab.adapter(join(lab.folder, 'torn.pt'))
  const request = { base, prompts: ['a hand'], seeds: [1], steps: 1 }
  await expect(lab.sample({ ...request, adapters: [adapter] })).rejects.toMatchObject({ code: 'broken-file' })
  expect(await lab.sample(request)).toHaveLength(1)
})

test('a cancelled training goes on from its checkpoint and ends as the one that was left alone', async () => {
  const request = { base, dataset, technique: lora({ rank: 2 }), ...short, steps: 30, checkpointEvery: 30 }
  const whole = await lab.train({ ...request, name: 'whole', folder: join(lab.folder, 'whole') })
  const controller = new AbortController()
  const folder = join(lab.folder, 'cut')
  const run = lab.train({ ...request, name: 'whole', folder }, { signal: controller.signal })
  const stopped = (async () => {
    for await (const event of run)
      if (event.type === 'step-end' && event.step === 2) controller.abort(new Error('enough'))
  })()
  await expect(stopped).rejects.toMatchObject({ code: 'job-cancelled', facts: { resumable: true } })
  const resumed = lab.train({ ...request, name: 'whole', folder })
  expect((await resumed).sha256).toBe(whole.sha256)
  expect((await resumed.record).result.resumedFrom).toBeGreaterThan(0)
}, 180_000)

test('the loss of held-out images is told beside the steps, and they may not be trained on', async () => {
  await writeFolder(join(lab.folder, 'others'), { 'hand/4.png': 50, 'hand/5.png': 130 })
  const others = await lab.dataset(join(lab.folder, 'others'))
  const run = lab.train({ base, dataset, technique: lora(), ...short, heldOut: { dataset: others, every: 2 } })
  const told: (number | null)[] = []
  for await (const event of run) if (event.type === 'step-end') told.push(event.heldOutLoss)
  expect(told).toEqual([null, expect.any(Number), expect.any(Number)])
  expect((await run.record).result.heldOutLoss).toBe(told[2])
  expect((await readSeries(join(run.folder, 'series.jsonl'))).map(({ heldOutLoss }) => heldOutLoss)).toEqual(told)
  expect(() => lab.train({ base, dataset, technique: lora(), heldOut: { dataset } })).toThrow(/3 of the 3 held-out/)
})

test('held-out images choose the result and end a training early', async () => {
  await writeFolder(join(lab.folder, 'apart'), { 'hand/6.png': 20, 'hand/7.png': 230 })
  const apart = await lab.dataset(join(lab.folder, 'apart'))
  const heldOut = { dataset: apart, every: 1 }
  const best = { type: 'held-out-loss', patience: 2 } as const
  const optimizer = { learningRate: 0.1 }
  const run = lab.train({ base, dataset, technique: full(), optimizer, ...short, steps: 40, heldOut, best })
  const told: (number | null)[] = []
  for await (const event of run) if (event.type === 'step-end') told.push(event.heldOutLoss)
  const { result } = await run.record
  expect(result.steps).toBe(result.exportedStep + 2)
  expect(result.steps).toBe(told.length)
  expect(result.heldOutLoss).toBe(Math.min(...told.map(Number)))
  const other = lab.train({ base, dataset, technique: full(), optimizer, ...short, steps: 40 })
  expect(other.name).not.toBe(run.name)
  await other
  expect((await run.record).best).toEqual(best)
  const request = { base, dataset, technique: full() }
  expect(() => lab.train({ ...request, heldOut, best: { ...best, patiense: 1 } } as never)).toThrow(/"patience"/)
})

test('full training gives a base that draws', async () => {
  const trained = await lab.train({ base, dataset, technique: full(), ...short, steps: 1 })
  expect(trained.description.sha256).not.toBe(base.description.sha256)
  expect(await lab.sample({ base: trained, prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
})

test('images come in the order of the requests, as events and as a result, with cut tokens told', async () => {
  const run = lab.sample({ base, prompts: ['a hand', 'a '.repeat(120)], seeds: [7, 2], steps: 1, batchSize: 3 })
  const events: SampleEvent[] = []
  for await (const event of run) events.push(event)
  const samples = await run
  expect(samples.map(({ prompt, seed }) => [prompt.length, seed])).toEqual([
    [6, 7],
    [6, 2],
    [240, 7],
    [240, 2],
  ])
  expect(samples.truncatedTokens.slice(0, 2)).toEqual([0, 0])
  expect(samples.truncatedTokens[2]).toBeGreaterThan(0)
  expect(events.filter((event) => event.type === 'image-end').map(({ image }) => image)).toEqual([...samples])
  expect(events.at(-1)).toMatchObject({
    type: 'log-line',
    stream: 'warning',
    text: expect.stringContaining('had no effect'),
  })
  const late: string[] = []
  for await (const event of run) late.push(event.type)
  expect(late.filter((type) => type === 'image-end')).toHaveLength(4)
  const path = join(lab.folder, 'x.png')
  await samples[0]!.save(path)
  expect((await imageMatchers.toBeCloseToImage(path, samples[0]!, { maximum: 0 })).pass).toBe(true)
})

test('leaving the loop early does not cancel; cancelling before it began does', async () => {
  const run = lab.sample({ base, prompts: ['a hand'], seeds: [1], steps: 2 })
  for await (const _event of run) break
  expect(await run).toHaveLength(1)
  const aborted = lab.sample({ base, prompts: ['a'], seeds: [1], steps: 1 }, { signal: AbortSignal.abort('no') })
  await expect(aborted).rejects.toMatchObject({ name: 'JobError', code: 'job-cancelled', cause: 'no' })
  const cancelled = lab.train({ base, dataset, technique: lora(), ...short, name: 'never' })
  cancelled.cancel()
  await expect(cancelled.result).rejects.toMatchObject({ code: 'job-cancelled' })
})

test.each([
  ['steps', { technique: lora(), stepps: 1 }, /no "stepps" here. Did you mean "steps"/],
  ['name', { technique: lora(), nmae: 'x' }, /Did you mean "name"/],
  ['rank', { technique: lora({ rank: 0 }) }, /technique.rank: must be at least 1/],
  ['base', { technique: lora(), base: 'tiny-hands' }, /base: must be a base; open one/],
  ['file name', { technique: lora(), name: '../x' }, /name: must begin with/],
])('a training whose %s is wrong is refused at once', (_, change, message) => {
  expect(() => lab.train({ base, dataset, ...change } as TrainRequest)).toThrow(message)
})

test.each([
  ['seeds', { prompts: ['a'] }, /either prompts with seeds, or requests/],
  ['prompts', { prompts: [], seeds: [1] }, /prompts: must have at least 1 entry/],
  ['seed', { prompts: ['a'], seeds: [2 ** 53] }, /seeds\[0\]: must be at most/],
  ['sampler', { prompts: ['a'], seeds: [1], sampler: 'dim' }, /Did you mean "ddim"/],
])('a sampling whose %s are wrong is refused at once', (_, change, message) => {
  expect(() => lab.sample({ base, ...change } as never)).toThrow(message)
})

test('bases by wrong names, of later families, and folders that hold none', async () => {
  await expect(lab.base('tiny-hand')).rejects.toThrow(/Did you mean "tiny-hands"/)
  await expect(lab.base(join(lab.folder, 'images'))).rejects.toMatchObject({ name: 'ArtefactError' })
})

test('what the worker reports: placeholder that exists, initial word that is no token, hostile adapter', async () => {
  const technique = textualInversion({ placeholder: 'hand' })
  await expect(lab.train({ base, dataset, technique, ...short })).rejects.toMatchObject({
    code: 'placeholder-in-vocabulary',
  })
  const word = textualInversion({ placeholder: '<y>', initialWord: 'unpronounceable' })
  await expect(lab.train({ base, dataset, technique: word, ...short })).rejects.toMatchObject({
    name: 'ConfigError',
    code: 'initial-word-too-long',
  })
  await writeFolder(lab.folder, { 'bad.safetensors': Buffer.from('80049500000000000000', 'hex').fill(7, 3) })
  const file = join(lab.folder, 'bad.safetensors')
  const run = lab.sample({ base, adapters: [file], prompts: ['a'], seeds: [1], steps: 1 })
  await expect(run).rejects.toMatchObject({ name: 'ArtefactError', code: 'pickled-file' })
  await expect(lab.adapter(file)).rejects.toMatchObject({ name: 'ArtefactError', code: 'pickled-file' })
})

test('a lab folder in use by somebody else', async () => {
  const attach = process.env.PHALANX_TEST_ENDPOINT
  await expect(openLab({ folder: lab.folder, ...(attach && { attach }) })).rejects.toMatchObject({
    name: 'ArtefactError',
    code: 'lab-in-use',
    facts: { pid: process.pid },
  })
  const folder = join(tmpdir(), `phalanx-lab-again-${process.pid}`)
  try {
    for (const _round of [1, 2]) await (await openLab({ folder, ...(attach && { attach }) })).close()
    expect((await stat(folder)).isDirectory()).toBe(true)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  await expect(openLab({ wrokers: 2 } as never)).rejects.toThrow(/Did you mean "workers"/)
})

test('what would start a worker is refused for one that is attached to', async () => {
  const attach = join(lab.folder, 'worker.json')
  const options = { attach, workers: 2, settings: { device: 'cuda', heartbeatSeconds: 2 } }
  await expect(openLab(options)).rejects.toMatchObject({
    name: 'ConfigError',
    code: 'option-without-effect',
    facts: { names: ['workers', 'settings.device'] },
  })
})
