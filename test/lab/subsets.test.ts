import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSeries } from '../../src/artefact/series.ts'
import { autoencoder, type Base, type Dataset, type Lab, lora, textualInversion } from '../../src/index.ts'
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
      { dataset: others, regularisation: true, weight: 0.5 },
    ],
    captionDropout: 0.1,
    captions: { prefix: 'ohwx,', shuffle: true, tagDropout: 0.2 },
    ...short,
  })
  await run
  const captions = { prefix: 'ohwx,', suffix: '', shuffle: true, keptTags: 0, tagDropout: 0.2 }
  const shown = { captions, captionDropout: 0.1, flip: false, repeats: 1, weight: 1, regularisation: false }
  expect((await run.record).subsets).toEqual([
    { ...shown, repeats: 2, flip: true, dataset: { sha256: hands.sha256, images: 3 } },
    { ...shown, weight: 0.5, regularisation: true, dataset: { sha256: others.sha256, images: 2 } },
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
