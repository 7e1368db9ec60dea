import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../src/util/canonical-json.ts'

/** Finite JSON values of whole text; -0 has no JSON of its own. */
const value = fc.jsonValue({ noUnicodeString: false }).map((given) => JSON.parse(JSON.stringify(given)) as unknown)

function shuffled(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(shuffled)
  if (typeof given !== 'object' || given === null) return given
  return Object.fromEntries(
    Object.entries(given)
      .toReversed()
      .map(([key, child]) => [key, shuffled(child)]),
  )
}

test('it is JSON of the same value', () => {
  fc.assert(fc.property(value, (given) => void expect(JSON.parse(canonicalJson(given))).toEqual(given)))
})

test('the order of keys does not matter', () => {
  fc.assert(fc.property(value, (given) => void expect(canonicalJson(shuffled(given))).toBe(canonicalJson(given))))
})

test('different values have different text', () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b))
      const equal = canonicalJson(a) === canonicalJson(b)
      if (equal) expect(a).toEqual(b)
    }),
  )
  expect(canonicalJson({ b: 1, a: [true, null, 'é'] })).toBe('{"a":[true,null,"é"],"b":1}')
})

test.each([
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [() => 1],
  [1n],
  [[undefined]],
  [undefined],
  ['\ud800'],
  [new Date(0)],
  [new Map()],
])('it refuses %s', (given) => {
  expect(() => canonicalJson({ given: [given] })).toThrow(TypeError)
})

test('a field that is undefined counts as absent', () => {
  expect(canonicalJson({ a: undefined })).toBe('{}')
})
