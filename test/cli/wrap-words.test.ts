import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wrapWords } from '../../src/cli/wrap-words.ts'

test('lines break between words, and only where they must', () => {
  expect(wrapWords('one two three', 7)).toBe('one two\nthree')
  expect(wrapWords('one two three', 13)).toBe('one two three')
  expect(wrapWords('a\n/a/path/that/is/long b', 8)).toBe('a\n/a/path/that/is/long\nb')
  expect(wrapWords('  table  row', 12)).toBe('  table  row')
  expect(wrapWords('one two', 0)).toBe('one two')
})

test('nothing but spaces changes, and only a single word exceeds the width', () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n') })).map((parts) => parts.join(' '))
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 12 }), (given, width) => {
      const wrapped = wrapWords(given, width)
      expect(wrapped.replaceAll(/\s/g, '')).toBe(given.replaceAll(/\s/g, ''))
      const broken = wrapped.split('\n').filter((line) => line.trimEnd().length > width)
      expect(broken.filter((line) => /\S +\S/.test(line))).toEqual([])
    }),
  )
})
