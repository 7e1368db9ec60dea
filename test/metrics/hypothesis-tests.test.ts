import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clusterPermutationTest,
  holm,
  mcnemarExact,
  mcnemarMidP,
  pairedPermutationTest,
} from '../../src/metrics/index.ts'
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

describe('mcnemarMidP', () => {
  const tables = [
    [0, 0],
    [0, 5],
    [1, 8],
    [4, 4],
    [37, 61],
    [400, 480],
  ] as const

  // 1e-10: sums of a few hundred binomial terms on either side.
  it.skipIf(python === null)('equals the exact p of statsmodels less half of both observed tails', () => {
    const expected = inPython<{ exact: number; mid: number }[]>(
      `from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar
exact = [float(mcnemar([[0, b], [c, 0]], exact=True).pvalue) for b, c in data]
print(json.dumps([{'exact': p, 'mid': 1.0 if b == c else p - float(binom.pmf(min(b, c), b + c, 0.5))}
  for p, (b, c) in zip(exact, data)]))`,
      tables,
    )
    tables.forEach(([first, second], i) => {
      expect(mcnemarExact(first, second)).toBeCloseTo(expected[i]?.exact as number, 10)
      expect(mcnemarMidP(first, second)).toBeCloseTo(expected[i]?.mid as number, 10)
    })
  })

  it('is below the exact p, above half of it, and does not care which side is which', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (first, second) => {
        const [mid, exact] = [mcnemarMidP(first, second), mcnemarExact(first, second)]
        expect(mid).toBeLessThanOrEqual(exact + 1e-12)
        expect(mid).toBeGreaterThanOrEqual(exact / 2 - 1e-12)
        expect(mcnemarMidP(second, first)).toBe(mid)
      }),
    )
  })
})

describe('clusterPermutationTest', () => {
  it('keeps its level where seeds of one prompt agree, and flips by unit do not', () => {
    const rounds = 400
    let [byCluster, byUnit] = [0, 0]
    for (let round = 0; round < rounds; round++) {
      const random = new RandomStream('clusters', round)
      const rows = Array.from({ length: 8 }, () => {
        const centre = random.normal()
        return Array.from({ length: 6 }, () => centre + 0.3 * random.normal())
      })
      if (clusterPermutationTest(rows, { seed: round }) <= 0.05) byCluster++
      if (pairedPermutationTest(rows.flat(), { seed: round, draws: 400 }) <= 0.05) byUnit++
    }
    // Exact: below 0.05 but for the draw of 400 rounds, whose standard error is 0.011.
    expect(byCluster / rounds).toBeLessThan(0.05 + 3 * 0.011)
    expect(byUnit / rounds).toBeGreaterThan(0.25)
  })

  it('equals flips by unit when every prompt has one seed, and 2 / 2^n for n prompts that all agree', () => {
    const sample = noise(3, 9, 0.4)
    const rows = sample.map((value) => [value])
    expect(clusterPermutationTest(rows, { seed: 1 })).toBe(pairedPermutationTest(sample, { seed: 1 }))
    expect(clusterPermutationTest([[1, 2], [3], [1, 1], [2, 4]], { seed: 1 })).toBe(2 / 2 ** 4)
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
