import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Base, type ControlNet, controlNet, defineStudy, type Lab, readImageRecipe } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { image, writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let net: ControlNet
let folder: string
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  folder = join(lab.folder, 'pairs')
  await writeFolder(folder, {
    'a.png': 10,
    'a.control.png': await image(200, 48, 32),
    'b.jpg.png': 90,
    'b.jpg.control.webp': 30,
    'class/c.png': 120,
    'class/c.control.png': 60,
  })
  const dataset = await lab.dataset(folder)
  expect(dataset.items.map(({ file, control }) => [file, control?.file])).toEqual([
    ['a.png', 'a.control.png'],
    ['b.jpg.png', 'b.jpg.control.webp'],
    ['class/c.png', 'class/c.control.png'],
  ])
  net = await lab.train({ base, dataset, technique: controlNet(), steps: 2, batchSize: 2 })
})
afterAll(() => lab?.close())

test('a trained ControlNet is a folder that is opened again and acts on drawings', async () => {
  expect(net).toMatchObject({ type: 'control-net', metadata: { 'phalanx.base_sha256': base.description.sha256 } })
  expect(await lab.controlNet(net.file)).toEqual(net)
  const picture = join(folder, 'a.control.png')
  const drawn = { base, prompts: ['a hand'], seeds: [1], steps: 3 }
  const [plain] = await lab.sample(drawn)
  const [controlled] = await lab.sample({ ...drawn, controls: [{ file: net.file, picture, strength: 2, end: 0.8 }] })
  expect(controlled?.pixels).toHaveLength(plain?.pixels.length ?? 0)
  const { file } = await lab.controlNet(`${net.file}.safetensors`)
  const [byFile] = await lab.sample({ ...drawn, controls: [{ file, picture, strength: 2, end: 0.8 }] })
  expect(byFile?.pixels).toEqual(controlled?.pixels)
  await controlled?.save(join(lab.folder, 'controlled.png'))
  const { recipe } = await readImageRecipe(join(lab.folder, 'controlled.png'))
  const name = net.file.split('/').at(-1)
  expect(recipe?.controls).toEqual([{ name, picture: 'a.control.png', strength: 2, start: 0, end: 0.8 }])
})

test('requests may have pictures of their own; one that has none is refused before anything runs', async () => {
  const picture = join(folder, 'class', 'c.control.png')
  const request = { prompt: 'a hand', seed: 1, controls: [picture] }
  const samples = await lab.sample({ base, requests: [request], controls: [{ file: net.file }], steps: 1 })
  expect(samples).toHaveLength(1)
  expect(() => lab.sample({ base, prompts: ['a'], seeds: [1], controls: [{ file: net.file }] })).toThrowError(
    expect.objectContaining({ code: 'control-picture-missing' }),
  )
  expect(() =>
    lab.sample({ base, prompts: ['a'], seeds: [1], controls: [{ file: net.file, picture, start: 0.6, end: 0.5 }] }),
  ).toThrowError(/end: must be greater than start/)
})

test('a picture of another shape than its image, and one that is gone, are problems of the dataset', async () => {
  await writeFolder(join(lab.folder, 'uneven'), { 'a.png': 10, 'a.control.png': await image(1, 24, 24) })
  await expect(lab.dataset(join(lab.folder, 'uneven'))).rejects.toMatchObject({
    facts: { problems: [{ file: 'a.control.png', code: 'picture-mismatch' }] },
  })
  const row = JSON.stringify({ file_name: 'a.png', text: 'a hand', control: 'depth.png' })
  await writeFolder(join(lab.folder, 'gone'), { 'a.png': 10, 'metadata.jsonl': row })
  await expect(lab.dataset(join(lab.folder, 'gone'))).rejects.toMatchObject({
    facts: { problems: [{ file: 'depth.png', code: 'missing-image' }] },
  })
})

test('images without pictures, and what is no ControlNet, are refused', async () => {
  await writeFolder(join(lab.folder, 'plain'), { 'a.png': 10 })
  const dataset = await lab.dataset(join(lab.folder, 'plain'))
  await expect(lab.train({ base, dataset, technique: controlNet(), steps: 1 })).rejects.toMatchObject({
    name: 'DatasetError',
    code: 'missing-control',
  })
  await expect(lab.controlNet(folder)).rejects.toMatchObject({ code: 'not-a-control-net' })
  await expect(lab.controlNet(join(base.folder, 'unet', 'diffusion_pytorch_model.safetensors'))).rejects.toMatchObject({
    code: 'not-a-control-net',
  })
  const controls = [{ file: join(base.folder, 'unet'), picture: join(folder, 'a.png') }]
  await expect(lab.sample({ base, prompts: ['a'], seeds: [1], controls, steps: 1 })).rejects.toMatchObject({
    name: 'ArtefactError',
    code: 'not-a-control-net',
  })
})

test('a study says that its arms have no pictures to read', () => {
  const train = { technique: controlNet() }
  const study = { name: 's', bases: ['tiny-hands'], arms: { baseline: {}, depth: { train } }, prompts: ['a'], seeds: 1 }
  expect(() => defineStudy({ ...study, datasets: { hands: folder } })).toThrowError(
    expect.objectContaining({ code: 'technique-not-drawn' }),
  )
})
