import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wordCaption } from '../../../src/curation/freezing/wording.ts'

const plain = { template: '{caption}', prefix: '', suffix: '' }

test.each([
  ['a palm', 'hands', {}, 'a palm'],
  ['a palm', 'hands', { template: '{caption}, {query}' }, 'a palm, hands'],
  ['', 'hands', { template: '{caption}, {query}' }, 'hands'],
  ['a palm', '', { template: 'photo, {query}, {caption}' }, 'photo, a palm'],
  ['one,, two', 'q', { template: '{caption}, {query}' }, 'one,, two, q'],
  ['a {query} $& palm', 'hands', { template: '{query}: {caption}' }, 'hands: a {query} $& palm'],
  ['a palm', 'q', { prefix: 'ohwx,', suffix: ', detailed' }, 'ohwx, a palm , detailed'],
  ['', '', { prefix: 'ohwx' }, 'ohwx'],
])('%j of %j by %j is %j', (caption, query, wording, expected) => {
  expect(wordCaption(caption, query, { ...plain, ...wording })).toBe(expected)
})

test('whatever is found becomes one line that is worded the same again', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(
      text,
      text,
      fc.constantFrom('{caption}', '{query} {caption}', '{caption}, {query}'),
      (caption, query, template) => {
        const worded = wordCaption(caption, query, { ...plain, template })
        expect(worded).not.toMatch(/[\p{Cc}\u2028\u2029\p{Surrogate}]|^ | $/u)
        expect(wordCaption(worded, '', plain)).toBe(worded)
      },
    ),
  )
})
