import { expect, test } from 'vitest'
import { lora, technique } from '../../src/config/technique.ts'

test('a curve is a name, or a name and what is added, and a list stays a list', () => {
  const rates = { down: 'cosine', middle: [0.5], up: { curve: 'linear', base: 0.25 } } as const
  const parsed = technique.parse(lora({ blocks: { rates: { ...rates, middle: [...rates.middle] } } }))
  expect(parsed).toMatchObject({
    blocks: { rates: { down: { curve: 'cosine', base: 0 }, middle: [0.5], up: rates.up, textEncoder: null } },
  })
  // What the worker is sent is taken again as it is.
  expect(technique.parse(parsed)).toEqual(parsed)
})

test.each([
  { blocks: { rates: { down: 'cosinus' } } },
  { blocks: { rates: { down: [-1] } } },
  { blocks: { ranks: { up: [0.5] } } },
  { blocks: { convolutionRanks: { textEncoder: [1] } } },
  { patterns: [{ match: '' }] },
  { convolutionRank: 0 },
  { networkDropout: 1 },
])('%j is refused', (options) => {
  expect(technique.safeParse({ type: 'lora', ...options }).success).toBe(false)
})
