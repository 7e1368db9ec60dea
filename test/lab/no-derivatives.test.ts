import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Base, type DatasetExportInput, exportDataset, type Lab, lora } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let folder: string
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  folder = join(lab.folder, 'hands')
  const attribution = [
    { file: 'a.png', licence: 'cc by-nd 4.0', creator: 'Ann' },
    { file: 'b.png', licence: 'cc by 4.0', creator: 'Bob' },
  ]
  await writeFolder(folder, {
    ...{ 'a.png': 10, 'b.png': 90 },
    'attribution.jsonl': `${attribution.map((row) => JSON.stringify(row)).join('\n')}\nnot a row\n`,
  })
})
afterAll(() => lab?.close())

const refused = expect.objectContaining({
  ...{ name: 'ConfigError', code: 'no-derivatives', message: expect.stringContaining('keepNoDerivatives') },
  facts: expect.objectContaining({ files: ['a.png'] }),
})

test('nothing is trained on images whose licence forbids derived works, unless they are kept on purpose', async () => {
  const request = { base, technique: lora({ rank: 1 }), steps: 1 }
  const dataset = await lab.dataset(folder)
  expect(() => lab.train({ ...request, dataset })).toThrowError(refused)
  expect(() => lab.explain({ ...request, dataset, measure: false })).toThrowError(refused)
  expect(() => lab.trainClassifier({ dataset, file: join(lab.folder, 'c.safetensors') })).toThrowError(refused)
  const others = await lab.dataset(folder, { filter: ({ file }) => file === 'b.png' })
  expect(() =>
    lab.train({ ...request, subsets: [{ dataset: others }, { dataset, regularisation: true }] }),
  ).toThrowError(refused)
  expect(lab.buckets({ ...request, dataset: others })).toMatchObject([{ images: 1 }])
  const kept = await lab.dataset(folder, { keepNoDerivatives: true })
  expect(lab.buckets({ ...request, dataset: kept })).toMatchObject([{ images: 2 }])
  expect(kept.sha256).toBe(dataset.sha256)
})

test.each<DatasetExportInput>([
  { as: 'kohya' },
  { as: 'imagefolder' },
  { as: 'webdataset' },
  { as: 'webdataset', shardBytes: 10_240 },
])('licences go with the images of %j', async (layout) => {
  const to = join(lab.folder, `${layout.as}${Object.keys(layout).length}`)
  await exportDataset(await lab.dataset(folder), to, layout)
  const dataset = await lab.dataset(to)
  const [first] = dataset.noDerivatives
  expect(dataset.noDerivatives).toHaveLength(1)
  expect(first).toBe(dataset.items[0]?.file)
  const lines = (await readFile(join(dataset.root, 'attribution.jsonl'), 'utf8')).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ creator: 'Ann' }, { creator: 'Bob' }])
})
