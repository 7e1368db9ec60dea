import { describe, expect, it } from 'vitest'
import { frechetDistance, frechetDistanceDifference, frechetDistanceInterval } from '../../src/metrics/index.ts'
import { randomFeatures } from './random-features.ts'
import { inPython, python } from './reference.ts'

describe('frechetDistance', () => {
  it.skipIf(python === null).each([
    ['more images than features', 60, 50, 8],
    ['fewer images than features', 12, 12, 40],
    ['as many', 20, 31, 20],
  ])('equals the formulas of torch-fidelity and of scipy with %s', (_, m, n, width) => {
    const [x, y] = [randomFeatures(1, m, width, 0), randomFeatures(2, n, width, 0.4)]
    const [byEigenvalues, byRoot] = inPython<[number, number]>(
      `import numpy as np
from scipy import linalg
x, y = map(np.array, data)
a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
d = x.mean(0) - y.mean(0)
rest = d @ d + np.trace(a) + np.trace(b)
eigenvalues = np.sqrt(np.linalg.eigvals(a @ b).astype("complex128")).real.sum()
offset = np.eye(len(a)) * 1e-6
root = np.trace(linalg.sqrtm((a + offset) @ (b + offset)).real)
print(json.dumps([float(rest - 2 * eigenvalues), float(rest - 2 * root)]))`,
      [x, y],
    )
    const value = frechetDistance(x, y)
    // Eigenvalues that should be 0 come out as rounding errors near 1e-15, whose roots add 3e-8 each; so does the offset.
    expect(Math.abs(value - byEigenvalues)).toBeLessThan(1e-4)
    expect(Math.abs(value - byRoot)).toBeLessThan(5e-3)
    expect(Math.abs(frechetDistance(y, x) - value)).toBeLessThan(1e-9)
  })

  it('is 0 of a set with itself, and the squared shift of one that was moved', () => {
    const x = randomFeatures(3, 30, 6, 0)
    expect(Math.abs(frechetDistance(x, x))).toBeLessThan(1e-10)
    const moved = x.map((row) => row.map((value) => value + 2))
    expect(frechetDistance(x, moved)).toBeCloseTo(4 * 6, 9)
  })

  it('refuses a single image, and features of two widths', () => {
    const x = randomFeatures(3, 5, 3, 0)
    expect(() => frechetDistance(x, x.slice(0, 1))).toThrowError(expect.objectContaining({ code: 'too-few-values' }))
    expect(() => frechetDistance(x, randomFeatures(3, 5, 4, 0))).toThrowError(
      expect.objectContaining({ code: 'unpaired-values' }),
    )
  })
})

describe('intervals', () => {
  it('cover what sets of this size come to on average in 90 to 99 of 100 samples', () => {
    const values = Array.from({ length: 300 }, (_, i) =>
      frechetDistanceInterval(randomFeatures(100 + i, 50, 4, 0), randomFeatures(900 + i, 50, 4, 0.8)),
    )
    const mean = values.reduce((sum, { distance }) => sum + distance, 0) / values.length
    const covered = values.filter(({ low, high }) => low <= mean && mean <= high).length / values.length
    expect(covered).toBeGreaterThan(0.9)
    expect(covered).toBeLessThan(0.99)
  })

  it('of paired differences are narrower than those of the distances, and the sign is told', () => {
    const reference = randomFeatures(1, 60, 4, 0)
    const first = randomFeatures(2, 60, 4, 0.2)
    const second = first.map((row) => row.map((value) => value + 0.3))
    const difference = frechetDistanceDifference(first, second, reference)
    expect(difference.difference).toBeCloseTo(
      frechetDistance(first, reference) - frechetDistance(second, reference),
      10,
    )
    expect(difference.high).toBeLessThan(0)
    expect(difference.p).toBeLessThan(0.01)
    const alone = frechetDistanceInterval(second, reference)
    expect(difference.high - difference.low).toBeLessThan(alone.high - alone.low)
    expect(frechetDistanceDifference(first, first, reference)).toMatchObject({ difference: 0, p: 1 })
  })
})
