import { expect, it } from 'vitest'
import { clipScore, clipScoreText, cmmd, cmmdInterval, spearman } from '../../src/metrics/index.ts'
import { randomFeatures } from './random-features.ts'
import { inPython, python } from './reference.ts'

it.skipIf(python === null)('CMMD equals its formula in numpy, with and without each image itself', () => {
  const [x, y] = [randomFeatures(1, 25, 12, 0.2), randomFeatures(2, 25, 12, 0.6)]
  const [biased, unbiased] = inPython<[number, number]>(
    `import numpy as np
x, y = (np.array(z) / np.linalg.norm(z, axis=1, keepdims=True) for z in data)
def kernel(a, b):
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(2) / (2 * 10**2))
m = len(x)
off = lambda k: (k.sum() - np.trace(k)) / (m * (m - 1))
a, b, c = kernel(x, x), kernel(y, y), kernel(x, y)
print(json.dumps([1000 * (a.mean() + b.mean() - 2 * c.mean()), 1000 * (off(a) + off(b) - 2 * c.mean())]))`,
    [x, y],
  )
  expect(cmmd(x, y, 'v-statistic')).toBeCloseTo(biased, 8)
  expect(cmmd(x, y, 'u-statistic')).toBeCloseTo(unbiased, 8)
  const { distance, low, high } = cmmdInterval(x, y, 'v-statistic')
  expect(distance).toBeCloseTo(biased, 8)
  expect(low < distance && distance < high).toBe(true)
})

it('a V-statistic of a set with itself is 0, a U-statistic below', () => {
  const x = randomFeatures(1, 25, 12, 0.2)
  expect(cmmd(x, x, 'v-statistic')).toBeCloseTo(0, 9)
  expect(cmmd(x, x, 'u-statistic')).toBeLessThan(0)
})

it('the conventions of a CLIP score are what their papers say of one cosine', () => {
  const [image, text, opposite] = [
    [3, 4],
    [4, 3],
    [-4, -3],
  ]
  expect(clipScore(image, text, 'cosine', 100)).toBeCloseTo(0.96, 12)
  expect(clipScore(image, text, 'clipscore', 100)).toBeCloseTo(2.4, 12)
  expect(clipScore(image, text, 'percent', 100)).toBeCloseTo(96, 12)
  expect(clipScore(image, text, 'logit', 20)).toBeCloseTo(19.2, 12)
  expect(clipScore(image, opposite, 'clipscore', 100)).toBe(0)
  expect(clipScore(image, opposite, 'logit', 20)).toBeCloseTo(-19.2, 12)
  expect(clipScoreText('a hand', 'clipscore')).toBe('A photo depicts a hand')
  expect(clipScoreText('a hand', 'percent')).toBe('a hand')
  expect(() => clipScore([0, 0], text, 'cosine', 1)).toThrowError(
    expect.objectContaining({ code: 'value-out-of-range' }),
  )
})

it.skipIf(python === null)('a rank correlation equals that of scipy, with equal values as well', () => {
  for (const seed of [1, 2, 3]) {
    const [x, y] = randomFeatures(seed, 2, 40, 0).map((row) => row.map((value) => Math.round(2 * value))) as [
      number[],
      number[],
    ]
    const mixed = x.map((value, i) => value + (y[i] ?? 0))
    const expected = inPython<number>(
      'from scipy.stats import spearmanr\nprint(json.dumps(spearmanr(*data).statistic))',
      [x, mixed],
    )
    const { correlation, low, high } = spearman(x, mixed)
    expect(correlation).toBeCloseTo(expected, 10)
    expect(low < correlation && correlation < high).toBe(true)
  }
  expect(spearman([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]).correlation).toBe(0)
})

it('intervals of a rank correlation cover the truth in 93 to 97 of 100 samples', () => {
  // Of normal values with correlation r, Spearman's is 6 asin(r / 2) / pi.
  const truth = (6 / Math.PI) * Math.asin(0.6 / 2)
  let covered = 0
  for (let i = 0; i < 1500; i++) {
    const [x, noise] = randomFeatures(i, 2, 50, 0) as [number[], number[]]
    const { low, high } = spearman(
      x,
      x.map((value, j) => 0.6 * value + 0.8 * (noise[j] ?? 0)),
    )
    if (low <= truth && truth <= high) covered++
  }
  expect(covered / 1500).toBeGreaterThan(0.93)
  expect(covered / 1500).toBeLessThan(0.97)
})
