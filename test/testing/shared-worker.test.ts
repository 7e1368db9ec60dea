import { expect, test } from 'vitest'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'

test('labs share the worker of the global set-up, and closing one leaves it running', async () => {
  const first = await openTestLab()
  const [worker] = first.workers
  await first.close()
  await using second = await openTestLab()
  expect(second.workers).toEqual([worker])
  expect(second.folder).not.toBe(first.folder)
})

test('a tiny base is made once per architecture and draws', async () => {
  await using lab = await openTestLab()
  const [base, again, other] = [await tinyBase(lab), await tinyBase(lab), await tinyBase(lab, { seed: 1 })]
  expect(again.folder).toBe(base.folder)
  expect(other.description.sha256).not.toBe(base.description.sha256)
  const [image] = await lab.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1 })
  expect([image?.width, image?.height]).toEqual([16, 16])
})
