import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Adapter, type Base, type Dataset, full, type Lab } from '../../src/index.ts'
import { imageMatchers, openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

const layers = ['/unet.*\\.(to_q|to_k|to_v|proj_in|conv1|conv2)\\.weight/']
let lab: Lab
let base: Base
let tuned: Base
let dataset: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90 })
  dataset = await lab.dataset(join(lab.folder, 'images'))
  const technique = full({ patterns: layers })
  tuned = await lab.train({ base, dataset, technique, steps: 2, batchSize: 2, optimizer: { learningRate: 1e-2 } })
})
afterAll(() => lab?.close())

async function drawn(of: Base, adapters: readonly Adapter[] = []) {
  const [image] = await lab.sample({ base: of, adapters, prompts: ['a hand'], seeds: [1], steps: 3 })
  if (image === undefined) throw new Error('nothing was drawn')
  return image
}

test('what two bases differ in becomes an adapter that draws as the second one', async () => {
  const run = lab.extract({ base, tuned, rank: 1024, file: join(lab.folder, 'difference.safetensors') })
  const warnings: string[] = []
  for await (const event of run) if (event.type === 'log-line') warnings.push(event.text)
  const adapter = await run
  expect(adapter).toMatchObject({ kind: 'lora', leftOut: { tensors: 0, share: 0 } })
  expect(adapter.approximation.relativeError).toBeLessThan(1e-5)
  expect(adapter.approximation.cutLayers).toBe(adapter.approximation.layers)
  expect(warnings.join()).toMatch(/rank is larger than a dimension of \d+ layers/)
  const goal = await drawn(tuned)
  expect((await drawn(base)).pixels).not.toEqual(goal.pixels)
  // Float32 decompositions leave an error of 1e-6 of the change, which may round one level the other way.
  const { pass, message } = await imageMatchers.toBeCloseToImage(await drawn(base, [adapter]), goal, { maximum: 1 })
  expect(pass, message()).toBe(true)
})

test('a size in bytes is kept, and one that is too small names the least', async () => {
  const file = join(lab.folder, 'sized.safetensors')
  const adapter = await lab.extract({ base, tuned, bytes: 80_000, weights: 'float16', file })
  expect((await stat(file)).size).toBeLessThanOrEqual(80_000)
  expect(adapter.metadata).toMatchObject({ ss_network_dim: 'Dynamic', 'phalanx.base_sha256': base.description.sha256 })
  const small = lab.extract({ base, tuned, bytes: 100, file: join(lab.folder, 'small.safetensors') })
  await expect(small.result).rejects.toMatchObject({ code: 'file-too-small', facts: { bytes: 100 } })
  expect(await stat(join(lab.folder, 'small.safetensors')).catch(() => null)).toBeNull()
})

test('neither a size nor a rank, both, and bases of two families are refused', async () => {
  const file = join(lab.folder, 'refused.safetensors')
  expect(() => lab.extract({ base, tuned, file })).toThrowError(/must have either rank or bytes/)
  expect(() => lab.extract({ base, tuned, file, rank: 1, bytes: 1000 })).toThrowError(/either rank or bytes/)
  const both = { base, dataset, technique: full({ layout: { rank: 1, bytes: 1000 } }) }
  expect(() => lab.train(both)).toThrowError(/technique.layout: must have either rank or bytes/)
  const other = await tinyBase(lab, { architecture: { family: 'sdxl' } })
  const strangers = lab.extract({ base, tuned: other, rank: 4, file })
  await expect(strangers.result).rejects.toMatchObject({ name: 'ArtefactError', code: 'family-mismatch' })
})

test('full training may end as an adapter of a rank', async () => {
  const technique = full({ parts: ['unet'], layout: { rank: 2 }, weights: 'float16' })
  const run = lab.train({ base, dataset, technique, steps: 1, batchSize: 2 })
  const adapter: Adapter = await run.result
  expect(adapter).toMatchObject({ kind: 'lora', metadata: { ss_network_dim: '2', 'phalanx.steps': '1' } })
  const { approximation } = (await run.record).result
  expect(approximation).toMatchObject({ smallestRank: 2, largestRank: 2, cutLayers: 0 })
  expect(Number(adapter.metadata['phalanx.relative_error'])).toBeCloseTo(approximation?.relativeError ?? 0, 5)
  expect(await drawn(base, [adapter])).toBeDefined()
})
