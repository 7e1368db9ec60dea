import { expect, test } from 'vitest'
import { type FreezingInput, freezing } from '../../../src/config/freezing.ts'
import { resolve } from '../../../src/config/resolve.ts'
import { viewsOf } from '../../../src/curation/views.ts'

const images = {
  palm: { query: 'photo of a man showing an open palm', plainCaption: '' },
  drawnPalm: { query: 'drawing of a man showing an open palm', plainCaption: '' },
  palmTree: { query: 'hands', plainCaption: 'PALMISTRY' },
  umlaut: { query: 'hände', plainCaption: 'Drawings of an  Open\u00a0Palm' },
}

function heldBy(rule: object): string[] {
  const views = viewsOf(resolve(freezing, { views: [{ name: 'x', ...rule }] }, 'settings').views)
  return Object.entries(images).flatMap(([name, image]) => (views.at(-1)?.holds(image) ? [name] : []))
}

test('the two views of the paper are in every set', () => {
  const [all, photos] = viewsOf([])
  expect([all?.file, photos?.file, all?.rule]).toEqual(['metadata.jsonl', 'photos.jsonl', 'every image'])
  expect(photos?.rule).toBe('neither the query nor the caption has "drawing" or "drawings"')
  expect(Object.values(images).map((image) => photos?.holds(image))).toEqual([true, false, true, false])
})

test.each<[object, string[]]>([
  [{ with: ['palm'] }, ['palm', 'drawnPalm', 'umlaut']],
  [{ with: ['open palm', 'palmistry'] }, ['palm', 'drawnPalm', 'palmTree', 'umlaut']],
  [{ with: ['palm'], without: ['drawing', 'drawings'] }, ['palm']],
  [{ query: ['palm'] }, ['palm', 'drawnPalm']],
  [{ query: ['h'] }, []],
  [{ with: ['a.man', '(', 'a|b', 'C:\\x'] }, []],
])('%j holds whole words and phrases', (rule, names) => {
  expect(heldBy(rule)).toEqual(names)
})

test.each<[FreezingInput, string]>([
  [{ views: [{ name: 'Palms', with: ['x'] }] }, 'lower-case words'],
  [{ views: [{ name: 'palms' }] }, 'needs a rule'],
  [{ views: [{ name: 'photos', with: ['x'] }] }, 'is the name of something else'],
  [{ views: [{ name: 'attribution', with: ['x'] }] }, 'is the name of something else'],
  [{ picks: [{ name: 'a', strategy: 'seeded', view: 'photo' }] }, 'did you mean "photos"'],
  [{ picks: [{ name: 'train', strategy: 'seeded' }], splits: {} }, 'is the name of something else'],
  [{ picks: [{ name: 'a', strategy: 'by-hands' as 'by-hand', images: ['x'] }] }, 'by-hand'],
  [{ splits: { shares: { train: 0.8, test: 0.1 } } }, 'must have a sum of 1'],
  [{ splits: { fileName: '(' } }, 'must be a regular expression'],
  [{ captions: { template: '{capton}' } }, '{caption} and {query}'],
  [{ captions: { template: 'always the same' } }, 'must have a place'],
  [{ captions: { prefx: 'a' } as object }, 'Did you mean "prefix"'],
])('%j is refused and told what is right', (input, text) => {
  expect(() => resolve(freezing, input, 'settings')).toThrow(text)
})
