import { expect, test } from 'vitest'
import { resolve } from '../../src/config/resolve.ts'
import { captionSettings, presentation, type SubsetInput, subsetInput, subsetsOf } from '../../src/config/subset.ts'

const shown = presentation.parse({ flip: true, crop: 'random', captionDropout: 0.2 })

function subsetOf(input: SubsetInput & { readonly dataset?: string } = {}) {
  const { dataset = 'palms', ...how } = input
  return { ...resolve(subsetInput, how, 'subset'), dataset }
}

test('one dataset is a subset that is seen once', () => {
  const [subset] = subsetsOf({ dataset: 'palms', ...shown })
  const plain = { repeats: 1, weight: 1, regularisation: false, captions: captionSettings.parse({}) }
  expect(subset).toEqual({ dataset: 'palms', ...plain, ...shown })
})

test('what a subset says itself goes before what the training says', () => {
  const subsets = subsetsOf({ subsets: [subsetOf({ flip: false }), subsetOf({ captionDropout: 0 })], ...shown })
  expect(subsets.map(({ flip, captionDropout }) => [flip, captionDropout])).toEqual([
    [false, 0.2],
    [true, 0],
  ])
})

test.each([
  ['neither', {}, 'no-dataset'],
  ['no subset', { subsets: [] }, 'no-dataset'],
  ['both', { dataset: 'palms', subsets: [subsetOf()] }, 'dataset-and-subsets'],
  ['class images alone', { subsets: [subsetOf({ regularisation: true })] }, 'only-class-images'],
  [
    'repeated class images',
    { subsets: [subsetOf(), subsetOf({ regularisation: true, repeats: 2 })] },
    'setting-without-effect',
  ],
])('%s is refused', (_, choice, code) => {
  expect(() => subsetsOf({ ...choice, ...shown })).toThrowError(expect.objectContaining({ name: 'ConfigError', code }))
})

test.each([{ repeats: 0 }, { weight: -1 }, { weight: 0 }, { weight: Number.NaN }, { captionDropout: 2 }])(
  '%o is out of range',
  (input) => {
    expect(() => subsetOf(input)).toThrowError(expect.objectContaining({ code: 'invalid-settings' }))
  },
)

test('kept tags are refused where nothing moves them', () => {
  expect(() => subsetOf({ captions: { keptTags: 1 } })).toThrowError(/captions\.keptTags: has no effect/)
  expect(subsetOf({ captions: { keptTags: 1, tagDropout: 0.1 } }).captions?.keptTags).toBe(1)
})

test('a misspelt key is answered with the nearest', () => {
  expect(() => resolve(subsetInput, { regularization: true }, 'subset')).toThrowError(/"regularisation"/)
})
