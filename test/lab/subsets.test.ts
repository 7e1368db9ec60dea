import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSeries } from '../../src/artefact/series.ts'
import {
  autoencoder,
  type Base,
  type Dataset,
  type Lab,
  lora,
  type TrainRun,
  textualInversion,
} from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { image, writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let hands: Dataset
let others: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'hands'), { 'hand/1.png': 10, 'hand/2.png': 90, 'hand/3.png': 200 })
  await writeFolder(join(lab.folder, 'others'), { 'fist/1.png': 30, 'fist/2.png': 60 })
  hands = await lab.dataset(join(lab.folder, 'hands'))
  others = await lab.dataset(join(lab.folder, 'others'))
})
afterAll(() => lab?.close())

const short = { steps: 3, batchSize: 2 }

test('several datasets are trained on, each as it says, and recorded', async () => {
  const run = lab.train({
    base,
    technique: lora({ rank: 2 }),
    subsets: [
      { dataset: hands, repeats: 2, flip: true },
      { dataset: others, regularisation: true, weight: 0.5, crop: 'random' },
    ],
    captionDropout: 0.1,
    captions: { prefix: 'ohwx,', shuffle: true, tagDropout: 0.2 },
    ...short,
  })
  await run
  const captions = { prefix: 'ohwx,', suffix: '', shuffle: true, keptTags: 0, tagDropout: 0.2 }
  const shown = {
    captions,
    captionDropout: 0.1,
    flip: false,
    crop: 'centre',
    inpaintingMasks: 'random',
    repeats: 1,
    weight: 1,
    regularisation: false,
  }
  expect((await run.record).subsets).toEqual([
    { ...shown, repeats: 2, flip: true, dataset: { sha256: hands.sha256, images: 3 } },
    { ...shown, weight: 0.5, regularisation: true, crop: 'random', dataset: { sha256: others.sha256, images: 2 } },
  ])
})

test('a dataset and a subset of it are one training; another weight is another', async () => {
  const request = { base, technique: lora({ rank: 1 }), ...short }
  const first = lab.train({ ...request, dataset: hands })
  const adapter = await first
  const again = lab.train({ ...request, subsets: [{ dataset: hands }] })
  expect(again.folder).toBe(first.folder)
  expect((await again).sha256).toBe(adapter.sha256)
  const heavier = lab.train({ ...request, subsets: [{ dataset: hands, weight: 2 }] })
  expect(heavier.name).not.toBe(first.name)
  expect((await heavier).sha256).not.toBe(adapter.sha256)
})

test('images keep their aspects, and their sizes are told before and trained on', async () => {
  await writeFolder(join(lab.folder, 'mixed'), {
    '1.png': await image(10, 30, 30),
    '2.png': await image(20, 40, 20),
    '3.png': await image(30, 50, 25),
  })
  const dataset = await lab.dataset(join(lab.folder, 'mixed'))
  const subsets = [{ dataset, repeats: 2 }, { dataset: hands }]
  const request = { base, subsets, technique: lora({ rank: 1 }), buckets: { step: 8, least: 8 }, ...short }
  // 3:2 is nearer to 1:1 than to 3:1, and 2:1 nearer to 3:1.
  const counts = [
    { width: 16, height: 16, images: 4 },
    { width: 24, height: 8, images: 2 },
  ]
  expect(lab.buckets(request)).toEqual(counts)
  expect(lab.buckets({ ...request, buckets: null })).toEqual([{ width: 16, height: 16, images: 6 }])
  const run = lab.train(request)
  expect((await run).kind).toBe('lora')
  expect((await readSeries(join(run.folder, 'series.jsonl'))).map(({ loss }) => Number(loss) > 0)).toEqual([
    true,
    true,
    true,
  ])
  expect(() => lab.buckets({ ...request, buckets: { step: 3 } })).toThrowError(/buckets\.step: must be at least 8/)
  expect(() => lab.buckets({ ...request, buckets: { step: 8, least: 12 } })).toThrowError(/buckets\.least is 12/)
})

test('random crops are other crops, and are refused where nothing is cut off', async () => {
  const request = { base, technique: lora({ rank: 1 }), dataset: await ramp(), crop: 'random', ...short } as const
  const series = async (run: TrainRun<unknown>) => {
    await run
    return (await readSeries(join(run.folder, 'series.jsonl'))).map(({ loss }) => loss)
  }
  const cropped = await series(lab.train(request))
  expect(cropped).toEqual(await series(lab.train({ ...request, name: 'again' })))
  expect(cropped).not.toEqual(await series(lab.train({ ...request, crop: 'centre' })))
  const buckets = { step: 8, least: 8 }
  const idle = expect.objectContaining({
    code: 'setting-without-effect',
    facts: expect.objectContaining({ setting: 'crop' }),
  })
  expect(() => lab.train({ ...request, width: 24, height: 16 })).toThrowError(idle)
  expect(() => lab.train({ ...request, buckets, width: 24, height: 16 })).toThrowError(idle)
  expect(() => lab.train({ ...request, crop: 'middle' as 'centre' })).toThrowError(/crop: must be one of/)
  const explained = { ...request, measure: false }
  expect(await lab.explain({ ...explained, width: 24, height: 16 })).toMatchObject({ idle: [{ setting: 'crop' }] })
  expect(await lab.explain(explained)).toMatchObject({ idle: [], remarks: [expect.stringContaining('every step')] })
})

test('repeats of a dataset count in an epoch, and have no effect on class images', async () => {
  await writeFolder(join(lab.folder, 'kohya'), { '3_hand/1.png': 10, '3_hand/2.png': 90, '1_fist/1.png': 30 })
  const dataset = await lab.dataset(join(lab.folder, 'kohya'))
  const request = { base, technique: lora({ rank: 1 }), ...short }
  // 6 images are seen of 7 in an epoch, each twice in its subset.
  const subsets = [{ dataset, repeats: 2 }]
  expect(await lab.explain({ ...request, subsets, measure: false })).toMatchObject({ epochs: 6 / 14 })
  const idle = expect.objectContaining({
    code: 'setting-without-effect',
    facts: expect.objectContaining({ setting: 'repeats' }),
  })
  expect(() =>
    lab.train({ ...request, subsets: [{ dataset: hands }, { dataset, regularisation: true }] }),
  ).toThrowError(idle)
})

/** One image of 24x16 that grows brighter from left to right. */
async function ramp(): Promise<Dataset> {
  const levels = Buffer.from(Array.from({ length: 24 * 16 }, (_, i) => 10 * (i % 24)))
  const png = sharp(levels, { raw: { width: 24, height: 16, channels: 1 } }).png()
  await writeFolder(join(lab.folder, 'ramp'), { '1.png': await png.toBuffer() })
  return lab.dataset(join(lab.folder, 'ramp'))
}

test('what cannot be trained on is refused at once', () => {
  const request = { base, technique: lora(), ...short }
  const refused = (code: string) => expect.objectContaining({ name: 'ConfigError', code })
  expect(() => lab.train(request)).toThrowError(refused('no-dataset'))
  expect(() => lab.train({ ...request, subsets: [{ dataset: hands, repeats: 0 }] })).toThrowError(
    /subsets\[0\]\.repeats/,
  )
  expect(() => lab.train({ ...request, subsets: [{ dataset: hands, weight: -1 }] })).toThrowError(
    /subsets\[0\]\.weight/,
  )
  const overlap = { dataset: hands, every: 1 }
  expect(() =>
    lab.train({ ...request, subsets: [{ dataset: others }, { dataset: hands }], heldOut: overlap }),
  ).toThrowError(refused('held-out-overlap'))
  const unread = { ...request, technique: autoencoder(), subsets: [{ dataset: hands, weight: 2 }] }
  expect(() => lab.train(unread)).toThrowError(refused('setting-without-effect'))
  const template = { ...request, technique: textualInversion(), dataset: hands, captions: { prefix: 'a' } }
  expect(() => lab.train(template)).toThrowError(refused('setting-without-effect'))
})
