import { expect, test } from 'vitest'
import { refusingTag, reservesMining } from '../../src/web/index.ts'

test.each<[string[], string | null]>([
  [['noai'], 'noai'],
  [['NoImageAI'], 'noimageai'],
  [[' noindex , nofollow'], 'noindex'],
  [['nofollow, noimageindex'], 'noimageindex'],
  [['none'], 'none'],
  [['phalanx: noai'], 'noai'],
  [['PHALANX : noai'], 'noai'],
  [['*: noai'], 'noai'],
  [['otherbot: noai'], null],
  [['otherbot: noindex, nofollow'], null],
  [['otherbot: noindex, phalanx: noai'], 'noai'],
  [['otherbot: noindex', 'noai'], 'noai'],
  [['unavailable_after: 25 Jun 2010 15:00:00 PST, noai'], 'noai'],
  [['max-snippet:20, max-image-preview: large'], null],
  [['all'], null],
  [['noaiming'], null],
  [[], null],
  [[''], null],
])('X-Robots-Tag %j refuses by %s', (headers, directive) => {
  expect(refusingTag(headers, 'phalanx')).toBe(directive)
})

test('a reservation of text and data mining is 1 and nothing else', () => {
  expect([['1'], [' 1 '], ['0'], [], ['yes']].map(reservesMining)).toEqual([true, true, false, false, false])
})
