import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Base,
  type Dataset,
  full,
  type Lab,
  lora,
  type SampleOptions,
  type TrainEvent,
  textualInversion,
} from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

const sampling = { steps: 2, guidance: 1, batchSize: 1 }
const short = { steps: 2, batchSize: 2 }
let lab: Lab
let base: Base
let dataset: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'mine'), { 'palm/1.png': 10, 'palm/2.png': 90 })
  dataset = await lab.dataset(join(lab.folder, 'mine'))
})
afterAll(() => lab?.close())

/** When each image of a set was written, by its file. */
async function written({ root }: Dataset): Promise<Record<string, number>> {
  const files = (await readdir(root)).toSorted()
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, (await stat(join(root, file))).mtimeMs])),
  )
}

const drawing = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.type === 'progress-update' ? [[event.done, event.total]] : []))

test('class images are drawn once, whoever asks; more of them complete the set', async () => {
  const request = { base, prompt: 'a photo of a hand', ...sampling }
  const events: TrainEvent[] = []
  const run = lab.classImages({ ...request, images: 3 })
  for await (const event of run) events.push(event)
  const three = await run
  expect(drawing(events)).toEqual([
    [1, 3],
    [2, 3],
    [3, 3],
  ])
  expect(three.items.map(({ file, caption }) => [file, caption])).toEqual(
    [0, 1, 2].map((seed) => [`${seed}.png`, 'a photo of a hand']),
  )
  const before = await written(three)
  // Two at once, with another number that changes speed alone.
  const [five, four] = await Promise.all([
    lab.classImages({ ...request, images: 5, batchSize: 4 }),
    lab.classImages({ ...request, images: 4 }),
  ])
  expect([five.items.length, four.items.length]).toEqual([5, 4])
  expect(await written(five)).toMatchObject(before)
  expect((await lab.classImages({ ...request, images: 3 })).sha256).toBe(three.sha256)
  const drawn = (await readFile(join(five.root, '..', 'drawn.jsonl'), 'utf8')).trim().split('\n')
  expect(drawn.map((line) => JSON.parse(line).seed)).toEqual([0, 1, 2, 3, 4])
  const [again] = await lab.sample({ base, prompts: ['a photo of a hand'], seeds: [4], ...sampling })
  expect(await again?.toPng()).toEqual(await readFile(join(five.root, '4.png')))
  const other = await lab.classImages({ ...request, prompt: 'a photo of a fist', images: 1 })
  expect(other.root).not.toBe(five.root)
})

test('a training that is stopped among its class images goes on with the next one', async () => {
  const request = {
    ...{ base, dataset, technique: lora({ rank: 2 }), ...short, name: 'stopped' },
    ...{ instancePrompt: 'a photo of sks hand', classPrompt: 'a hand, stopped', classImages: 6 },
    classSampling: { ...sampling, steps: 30 },
  }
  const stopped = lab.dreamBooth(request)
  const loop = async (): Promise<void> => {
    for await (const event of stopped) if (event.type === 'progress-update' && event.done === 2) stopped.cancel()
  }
  await expect(loop()).rejects.toMatchObject({ name: 'JobError', code: 'job-cancelled' })
  await expect(stopped.record).rejects.toMatchObject({ code: 'job-cancelled' })
  const events: TrainEvent[] = []
  const run = lab.dreamBooth(request)
  for await (const event of run) events.push(event)
  const [[first = 0, total] = []] = drawing(events)
  expect(total).toBe(6)
  expect(first).toBeGreaterThan(2)
  expect(events.filter(({ type }) => type === 'step-end')).toHaveLength(2)
  expect(await run).toMatchObject({ kind: 'lora' })
  const { subsets } = await run.record
  expect(subsets).toMatchObject([
    { regularisation: false, weight: 1, dataset: { images: 2 } },
    { regularisation: true, weight: 1, dataset: { images: 6 } },
  ])
})

test('full training with prior preservation gives a base, and two trainings share their class images', async () => {
  const request = { base, dataset, technique: full(), ...short, classPrompt: 'a hand, shared', classImages: 2 }
  const prior = { classSampling: sampling, priorWeight: 0.5 }
  const run = lab.dreamBooth({ ...request, ...prior, instancePrompt: 'a photo of sks hand' })
  const tuned: Base = await run.result
  expect(run.name).toMatch(/^dreambooth-[0-9a-f]{12}$/)
  expect(tuned.description.sha256).not.toBe(base.description.sha256)
  expect((await run.record).subsets[1]).toMatchObject({ regularisation: true, weight: 0.5 })
  const events: TrainEvent[] = []
  const second = lab.dreamBooth({ ...request, ...prior, instancePrompt: 'a photo of zwx hand' })
  for await (const event of second) events.push(event)
  expect(events.some((event) => event.type === 'phase-start' && event.phase === 'sampling')).toBe(false)
  expect((await second.record).subsets[1]?.dataset).toEqual((await run.record).subsets[1]?.dataset)
  expect((await second.record).subsets[0]?.dataset).not.toEqual((await run.record).subsets[0]?.dataset)
})

test.each(['sd-2', 'sdxl'] as const)('%s learns among class images that it drew itself', async (family) => {
  const own = await tinyBase(lab, { architecture: { family } })
  const request = { base: own, dataset, ...short, instancePrompt: 'a photo of sks hand' }
  const classes = { classPrompt: 'a hand of its own', classImages: 2, classSampling: sampling }
  const run = lab.dreamBooth({ ...request, ...classes, technique: full() })
  const tuned = await run
  expect(tuned.description).toMatchObject({ family, prediction: own.description.prediction })
  expect((await run.record).subsets.map(({ dataset: { images } }) => images)).toEqual([2, 2])
  const adapter = await lab.dreamBooth({ ...request, ...classes, technique: lora({ rank: 2 }) })
  const draw = async (drawing: Omit<SampleOptions, 'prompts' | 'seeds' | 'requests'>) => {
    const [image] = await lab.sample({ ...drawing, prompts: ['a photo of sks hand'], seeds: [1], steps: 2 })
    return Buffer.from(image?.pixels ?? []).toString('hex')
  }
  const drawn = await Promise.all([
    draw({ base: own }),
    draw({ base: tuned }),
    draw({ base: own, adapters: [adapter] }),
  ])
  expect(new Set(drawn).size).toBe(3)
})

test('an explanation counts class images and those to be drawn, and names what has no effect', async () => {
  const request = { base, dataset, technique: full(), ...short, classPrompt: 'a hand, explained', classImages: 3 }
  const prior = { instancePrompt: 'a photo of sks hand', classSampling: sampling }
  const before = await lab.explain({ ...request, ...prior })
  // Of 4 samples an epoch 2 are class images.
  expect(before).toMatchObject({ classImages: { images: 3, missing: 3 }, epochs: 1, idle: [] })
  expect(before.stepCost?.seconds).toBeGreaterThan(0)
  await lab.classImages({ base, prompt: 'a hand, explained', images: 2, ...sampling })
  expect(await lab.explain({ ...request, ...prior, measure: false })).toMatchObject({ classImages: { missing: 1 } })
  const published = { base: 'sd-1.5', technique: full(), classPrompt: 'a photo of a hand' } as const
  expect(await lab.explain(published)).toMatchObject({ classImages: { images: 100, missing: 100 } })
  const idle = await lab.explain({ base, dataset, technique: full(), measure: false, priorWeight: 2 })
  expect(idle).toMatchObject({ classImages: null, idle: [{ setting: 'priorWeight' }] })
  expect(() => lab.explain({ ...request, technique: textualInversion() })).toThrowError(
    expect.objectContaining({ code: 'not-for-dreambooth' }),
  )
  const classFolder = join(lab.folder, 'mine')
  await expect(lab.explain({ ...request, classFolder }).result).rejects.toMatchObject({ code: 'too-few-class-images' })
})

test('class images of a folder are taken, and refused with both numbers when they are too few', async () => {
  const classFolder = join(lab.folder, 'hands')
  await writeFolder(classFolder, { '1.png': 20, '2.png': 40, '3.png': 60 })
  const request = { base, dataset, technique: lora({ rank: 2 }), ...short, classPrompt: 'a hand', classFolder }
  const { subsets } = await lab.dreamBooth(request).record
  expect(subsets[1]?.dataset.images).toBe(3)
  await expect(lab.dreamBooth({ ...request, classImages: 4 }).result).rejects.toMatchObject({
    name: 'DatasetError',
    code: 'too-few-class-images',
    facts: { found: 3, asked: 4 },
  })
})

test('what cannot be meant is refused at once', async () => {
  const request = { base, dataset, technique: lora(), ...short }
  const idle = expect.objectContaining({ code: 'setting-without-effect' })
  expect(() => lab.dreamBooth({ ...request, classImages: 4 })).toThrowError(idle)
  expect(() => lab.dreamBooth({ ...request, priorWeight: 2 })).toThrowError(idle)
  const both = { classPrompt: 'a hand', classFolder: 'hands', classSampling: sampling }
  expect(() => lab.dreamBooth({ ...request, ...both })).toThrowError(idle)
  expect(() => lab.dreamBooth({ ...request, technique: textualInversion() })).toThrowError(
    expect.objectContaining({ code: 'not-for-dreambooth' }),
  )
  // @ts-expect-error: DreamBooth makes them itself
  expect(() => lab.dreamBooth({ ...request, subsets: [{ dataset }] })).toThrowError(
    expect.objectContaining({ code: 'subsets-in-dreambooth' }),
  )
  // @ts-expect-error: a name that nobody knows
  expect(() => lab.dreamBooth({ ...request, clasPrompt: 'a hand' })).toThrowError(/clasPrompt/)
})

test('a class image that was altered is not trained on; a torn index and a lost image are drawn anew', async () => {
  const request = { base, prompt: 'a hand, altered', images: 2, ...sampling }
  const { root, sha256 } = await lab.classImages(request)
  await appendFile(join(root, '..', 'drawn.jsonl'), '{"seed":2,"sha')
  expect((await lab.classImages({ ...request, images: 3 })).items).toHaveLength(3)
  expect((await lab.classImages(request)).sha256).toBe(sha256)
  await writeFile(join(root, '1.png'), await readFile(join(root, '0.png')))
  await expect(lab.classImages(request).result).rejects.toMatchObject({
    name: 'ArtefactError',
    code: 'changed-class-image',
    facts: { path: join(root, '1.png') },
  })
})
