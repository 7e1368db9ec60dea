import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { autoencoder, type Base, type Dataset, type Lab, lora, readSeries } from '../../src/index.ts'
import { renderHand } from '../../src/render/hand-render.ts'
import { sampleScene } from '../../src/render/scene.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let hands: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  const files: Record<string, Uint8Array | string> = {}
  for (const seed of [1, 2, 3]) {
    const scene = sampleScene(seed, { gesture: 'open-palm' })
    const { rgb, mask } = renderHand(scene, { width: 48, height: 48 })
    files[`${seed}.png`] = await png(rgb, 3)
    files[`${seed}.mask.png`] = await png(mask, 1)
    files[`${seed}.txt`] = scene.caption
  }
  await writeFolder(join(lab.folder, 'hands'), files)
  hands = await lab.dataset(join(lab.folder, 'hands'))
})
afterAll(() => lab?.close())

function png(pixels: Uint8Array, channels: 1 | 3): Promise<Buffer> {
  return sharp(pixels, { raw: { width: 48, height: 48, channels } })
    .png()
    .toBuffer()
}

test('rendered hands are trained on by their masks, with both losses told and kept', async () => {
  const training = { base, dataset: hands, technique: lora({ rank: 2 }), steps: 3, batchSize: 2, flip: true }
  const run = lab.train({ ...training, objective: { mask: { outside: { type: 'base', weight: 0.5 } } } })
  const told: unknown[] = []
  for await (const event of run) {
    if (event.type === 'step-end') told.push([event.loss, event.onMaskLoss, event.offMaskLoss])
  }
  const { metadata } = await run
  expect(metadata.ss_masked_loss).toBe('True')
  const series = await readSeries(join(run.folder, 'series.jsonl'))
  expect(series.map(({ loss, onMaskLoss, offMaskLoss }) => [loss, onMaskLoss, offMaskLoss])).toEqual(told)
  expect(series.every(({ onMaskLoss, offMaskLoss }) => Number(onMaskLoss) > 0 && Number(offMaskLoss) > 0)).toBe(true)
  const plain = await lab.train(training)
  const { sha256 } = await run
  expect(sha256).not.toBe(plain.sha256)
})

test('a base made for inpainting fills in what masks show, and no other base is told to', async () => {
  const inpainting = await tinyBase(lab, { architecture: { inpainting: true } })
  const training = { base: inpainting, dataset: hands, technique: lora({ rank: 2 }), steps: 2, batchSize: 2 }
  const run = lab.train({ ...training, inpaintingMasks: 'dataset' })
  const masked = await run
  expect((await run.record).subsets).toMatchObject([{ inpaintingMasks: 'dataset' }])
  expect(masked.sha256).not.toBe((await lab.train(training)).sha256)
  const idle = expect.objectContaining({ code: 'setting-without-effect', facts: { setting: 'inpaintingMasks' } })
  expect(() => lab.train({ ...training, base, inpaintingMasks: 'dataset' })).toThrowError(idle)
  expect(() =>
    lab.train({
      ...training,
      technique: autoencoder(),
      subsets: [{ dataset: hands, inpaintingMasks: 'dataset' }],
      dataset: undefined,
    }),
  ).toThrowError(idle)
  const said = await lab.explain({ ...training, base, inpaintingMasks: 'dataset', measure: false })
  expect(said.idle).toMatchObject([{ setting: 'inpaintingMasks' }])
  await writeFolder(join(lab.folder, 'other-size'), {
    'a.png': 1,
    'a.mask.png': await png(new Uint8Array(48 * 48).fill(255), 1),
  })
  await expect(lab.dataset(join(lab.folder, 'other-size'))).rejects.toMatchObject({
    name: 'DatasetError',
    message: expect.stringContaining('is 48x48 pixels, its image 24x16'),
  })
})

test('a dataset without masks is refused by name, and the worker lives on', async () => {
  await writeFolder(join(lab.folder, 'bare'), { 'a.png': 1, 'b.png': 2 })
  const dataset = await lab.dataset(join(lab.folder, 'bare'))
  const run = lab.train({ base, dataset, technique: lora({ rank: 1 }), steps: 1, objective: { mask: {} } })
  await expect(run.result).rejects.toMatchObject({
    name: 'DatasetError',
    code: 'missing-mask',
    facts: { file: 'a.png' },
  })
  expect((await lab.sample({ base, prompts: ['a'], seeds: [1], steps: 1 })).length).toBe(1)
})
