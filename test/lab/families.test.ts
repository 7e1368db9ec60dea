import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Dataset, full, type Lab } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let dataset: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90 })
  dataset = await lab.dataset(join(lab.folder, 'images'))
})
afterAll(() => lab?.close())

test.each([
  { family: 'sd-2', prediction: 'v_prediction', textWidth: 8 },
  { family: 'sdxl', prediction: 'epsilon', textWidth: 16 },
] as const)('a base of the family $family is made, described, trained, saved and drawn from', async (expected) => {
  const base = await tinyBase(lab, { architecture: { family: expected.family } })
  expect(base.description).toMatchObject({ ...expected, inpainting: false })
  const request = { base, dataset, technique: full({ parts: ['unet'], weights: 'bfloat16' }), steps: 1, batchSize: 2 }
  const trained = await lab.train(request)
  expect(trained.description).toMatchObject({ ...expected, inpainting: false })
  const images = await lab.sample({ base: trained, prompts: ['a hand'], seeds: [1, 2], steps: 2 })
  expect(images.map(({ width, height }) => [width, height])).toEqual([
    [16, 16],
    [16, 16],
  ])
})

test.each(['sd-1', 'sd-2', 'sdxl'] as const)(
  'a training of %s ends as one checkpoint file, which is a base',
  async (family) => {
    const base = await tinyBase(lab, { architecture: { family } })
    const technique = full({ parts: ['unet'], layout: 'single-file' })
    const trained = await lab.train({ base, dataset, technique, steps: 1, batchSize: 2 })
    expect(trained.folder).toMatch(/\.safetensors$/)
    const { sha256: _, ...description } = base.description
    expect(trained.description).toMatchObject(description)
    const again = await lab.base(trained.folder)
    expect(again.description).toEqual(trained.description)
    expect(await lab.sample({ base: again, prompts: ['a hand'], seeds: [1], steps: 2 })).toHaveLength(1)
  },
)

test('a checkpoint without a vocabulary, a pickle and another file are refused by what is in them', async () => {
  const base = await tinyBase(lab)
  const trained = await lab.train({ base, dataset, technique: full({ layout: 'single-file' }), steps: 1, batchSize: 2 })
  const lonely = join(lab.folder, 'lonely.safetensors')
  await copyFile(trained.folder, lonely)
  await expect(lab.base(lonely)).rejects.toMatchObject({ name: 'ArtefactError', code: 'missing-tokenizer' })
  await writeFolder(lab.folder, { 'model.ckpt': Buffer.from('80027d7100', 'hex'), 'notes.txt': Buffer.from('a hand') })
  await expect(lab.base(join(lab.folder, 'model.ckpt'))).rejects.toMatchObject({ code: 'pickled-file' })
  await expect(lab.base(join(lab.folder, 'notes.txt'))).rejects.toMatchObject({ code: 'broken-file' })
})

test('a base for inpainting is told from others, draws without an image, and is trained', async () => {
  const base = await tinyBase(lab, { architecture: { inpainting: true } })
  expect(base.description).toMatchObject({ family: 'sd-1', inpainting: true })
  expect(await lab.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
  const trained = await lab.train({ base, dataset, technique: full({ parts: ['unet'] }), steps: 1, batchSize: 2 })
  expect(trained.description).toMatchObject({ family: 'sd-1', inpainting: true })
  expect(await lab.sample({ base: trained, prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
})
