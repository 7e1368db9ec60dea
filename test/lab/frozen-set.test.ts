import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freezeSet, type Lab, lora } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { gatherSet } from '../curation/gathered-set.ts'
import { jpeg } from '../curation/local-web-site.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openTestLab()
})
afterAll(() => lab?.close())

test('a part of a frozen set is trained on, and another one is held out of it', async () => {
  const rows = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => ({ name: `${i}.jpg`, bytes: await jpeg(i), caption: `hand ${i}` })),
  )
  const { folder } = await freezeSet(await gatherSet(lab.folder, rows), {
    splits: { shares: { train: 0.7, held: 0.3 } },
  })
  const [all, train, held] = await Promise.all(
    ['metadata', 'train', 'held'].map((name) => lab.dataset(join(folder, `${name}.jsonl`))),
  )
  if (all === undefined || train === undefined || held === undefined) throw new TypeError('a part is missing')
  expect([train.items.length, held.items.length]).toEqual([4, 2])
  const request = { base: await tinyBase(lab), technique: lora({ rank: 1 }), steps: 2, batchSize: 2 }
  const run = lab.train({ ...request, dataset: train, heldOut: { dataset: held, every: 2 } })
  await run
  expect((await run.record).result.heldOutLoss).toBeGreaterThan(0)
  expect(() => lab.train({ ...request, dataset: all, heldOut: { dataset: held, every: 2 } })).toThrowError(
    expect.objectContaining({ code: 'held-out-overlap', facts: expect.objectContaining({ shared: 2 }) }),
  )
})
