import { describe, expect, it } from 'vitest'
import {
  kernelDistance,
  kernelDistanceDifference,
  kernelDistanceInterval,
  kernelDistanceOverSubsets,
} from '../../src/metrics/index.ts'
import { randomFeatures } from './random-features.ts'
import { inPython, python } from './reference.ts'

describe('kernelDistance', () => {
  it.skipIf(python === null)(
    'equals the unbiased polynomial MMD² in numpy (Bińkowski et al., as torch-fidelity)',
    () => {
      const [x, y] = [randomFeatures(1, 30, 12, 0), randomFeatures(2, 30, 12, 0.4)]
      const expected = inPython<number>(
        `import numpy as np
from sklearn.metrics.pairwise import polynomial_kernel
x, y = map(np.array, data)
k = lambda a, b: polynomial_kernel(a, b, degree=3, gamma=None, coef0=1)
m = len(x)
off = lambda a: (k(a, a).sum() - np.trace(k(a, a))) / (m * (m - 1))
print(json.dumps(float(off(x) + off(y) - 2 * k(x, y).mean())))`,
        [x, y],
      )
      expect(kernelDistance(x, y)).toBeCloseTo(expected, 11)
    },
  )

  it('is near 0 on average under the null, also negative, and grows with a shift', () => {
    const nulls = Array.from({ length: 200 }, (_, i) =>
      kernelDistance(randomFeatures(i, 20, 8, 0), randomFeatures(1000 + i, 20, 8, 0)),
    )
    const mean = nulls.reduce((sum, value) => sum + value, 0) / nulls.length
    const spread = Math.sqrt(nulls.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (nulls.length - 1))
    expect(Math.abs(mean)).toBeLessThan((4 * spread) / Math.sqrt(nulls.length))
    expect(nulls.some((value) => value < 0)).toBe(true)
    expect(kernelDistance(randomFeatures(1, 20, 8, 0), randomFeatures(2, 20, 8, 1))).toBeGreaterThan(mean + 5 * spread)
  })

  it('over one whole subset is the distance itself; many subsets come near it', () => {
    const [x, y] = [randomFeatures(1, 40, 6, 0), randomFeatures(2, 40, 6, 0.8)]
    const whole = kernelDistanceOverSubsets(x, y, { subsets: 1, size: 40, seed: 1 })
    expect(whole).toBeCloseTo(kernelDistance(x, y), 10)
    const subsets = kernelDistanceOverSubsets(x, y, { subsets: 200, size: 20, seed: 1 })
    expect(Math.abs(subsets / whole - 1)).toBeLessThan(0.1)
  })
})

describe('kernelDistanceInterval', () => {
  it('centres on the distance and covers the truth in 93 to 97 of 100 samples', () => {
    const truth = kernelDistance(randomFeatures(1, 1500, 6, 0), randomFeatures(2, 1500, 6, 0.7))
    const rounds = 600
    let covered = 0
    for (let i = 0; i < rounds; i++) {
      const [x, y] = [randomFeatures(5000 + i, 60, 6, 0), randomFeatures(9000 + i, 60, 6, 0.7)]
      const interval = kernelDistanceInterval(x, y)
      if (i === 0) expect(interval.distance).toBeCloseTo(kernelDistance(x, y), 10)
      if (interval.low <= truth && truth <= interval.high) covered++
    }
    expect(covered / rounds).toBeGreaterThan(0.93)
    expect(covered / rounds).toBeLessThan(0.97)
  })
})

describe('kernelDistanceDifference', () => {
  const reference = randomFeatures(3, 24, 6, 0)

  it('is the difference of the distances, whose reference term cancels', () => {
    const [first, second] = [randomFeatures(1, 24, 6, 0.2), randomFeatures(2, 24, 6, 0.9)]
    const result = kernelDistanceDifference(first, second, reference, { seed: 1, draws: 500 })
    expect(result.difference).toBeCloseTo(kernelDistance(first, reference) - kernelDistance(second, reference), 10)
    expect(result.high).toBeLessThan(0)
    expect(result.p).toBeLessThan(0.05)
  })

  it('p-values of identical processes are uniform enough: about 5 of 100 fall below 0.05', () => {
    let below = 0
    for (let i = 0; i < 200; i++) {
      const [first, second] = [randomFeatures(100 + i, 12, 4, 0.3), randomFeatures(700 + i, 12, 4, 0.3)]
      if (kernelDistanceDifference(first, second, randomFeatures(3, 12, 4, 0), { seed: i, draws: 199 }).p <= 0.05)
        below++
    }
    expect(below).toBeGreaterThan(1)
    expect(below).toBeLessThan(22)
  })
})
