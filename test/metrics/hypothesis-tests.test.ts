import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holm, mcnemarExact, pairedPermutationTest } from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

describe('pairedPermutationTest', () => {
  it.skipIf(python === null)('equals scipy exactly where it enumerates', () => {
    const samples = [11, 12, 13].map((seed) => noise(seed, 9, 0.6))
    const expected = inPython<number[]>(
      `import numpy as np
from scipy import stats
print(json.dumps([float(stats.permutation_test((np.array(s),), np.mean, permutation_type='samples',
  n_resamples=np.inf, alternative='two-sided').pvalue) for s in data]))`,
      samples,
    )
    samples.forEach((sample, i) => {
      expect(pairedPermutationTest(sample, { seed: 1 })).toBeCloseTo(expected[i] as number, 12)
    })
  })

  it('random patterns come near the exact value', () => {
    const sample = noise(5, 16, 0.5)
    const exact = pairedPermutationTest(sample, { seed: 1 })
    const padded = pairedPermutationTest([...sample, 1e-9, -1e-9], { seed: 1, draws: 40_000 })
    expect(Math.abs(padded - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 40_000) + 1e-3)
  })

  it('equals McNemar on yes/no differences', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }), (first, second) => {
        const differences = [...new Array(first).fill(1), ...new Array(second).fill(-1), 0, 0]
        expect(pairedPermutationTest(differences, { seed: 0 })).toBeCloseTo(mcnemarExact(first, second), 12)
      }),
    )
  })

  it('does not care about sign, never gives 0, and finds a constant shift', () => {
    const sample = noise(7, 40, 2)
    const p = pairedPermutationTest(sample, { seed: 3, draws: 2000 })
    expect(p).toBeGreaterThan(0)
    expect(p).toBeLessThan(0.01)
    const mirrored = sample.map((value) => -value)
    expect(Math.abs(pairedPermutationTest(mirrored, { seed: 3, draws: 2000 }) - p)).toBeLessThan(0.01)
    expect(pairedPermutationTest([0, 0, 0], { seed: 1 })).toBe(1)
  })
})

describe('mcnemarExact', () => {
  it('equals worked values', () => {
    expect(mcnemarExact(0, 0)).toBe(1)
    expect(mcnemarExact(0, 5)).toBeCloseTo(2 / 32, 14)
    expect(mcnemarExact(1, 5)).toBeCloseTo((2 * 7) / 64, 14)
    expect(mcnemarExact(4, 4)).toBe(1)
  })
})

describe('holm', () => {
  it('equals a worked example', () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02])
  })

  it('keeps the order of p-values, never lowers one, never exceeds Bonferroni or 1', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }), (p) => {
        const adjusted = holm(p)
        p.forEach((a, i) => {
          expect(adjusted[i]).toBeGreaterThanOrEqual(a)
          expect(adjusted[i]).toBeLessThanOrEqual(Math.min(1, a * p.length) + 1e-15)
          p.forEach((b, j) => {
            if (a < b) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j] as number)
          })
        })
      }),
    )
  })
})

function noise(seed: number, count: number, shift: number): number[] {
  const random = new RandomStream('test', seed)
  return Array.from({ length: count }, () => random.normal() + shift)
}
