import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pairedEquivalence, pairedProportionEquivalence } from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

const tables = [
  { both: 40, first: 3, second: 5, neither: 12 },
  { both: 30, first: 0, second: 0, neither: 10 },
  { both: 5, first: 9, second: 1, neither: 3 },
  { both: 200, first: 21, second: 30, neither: 49 },
]

describe('pairedEquivalence', () => {
  // 1e-9: the quantile of Student's t is bisected, all else is closed form.
  it.skipIf(python === null)('equals statsmodels and its interval that of scipy', () => {
    const samples = [1, 2, 3].map((seed) => noise(seed, 6 + 9 * seed))
    const expected = inPython<[number, number, number][]>(
      `import numpy as np
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired
print(json.dumps([[float(ttost_paired(np.array(s), np.zeros(len(s)), -0.4, 0.4)[0]),
  *map(float, stats.ttest_1samp(s, 0).confidence_interval(0.9))] for s in data]))`,
      samples,
    )
    samples.forEach((sample, i) => {
      const test = pairedEquivalence(sample, { margin: 0.4 })
      expect(test.p).toBeCloseTo(expected[i]?.[0] as number, 9)
      expect(test.low).toBeCloseTo(expected[i]?.[1] as number, 9)
      expect(test.high).toBeCloseTo(expected[i]?.[2] as number, 9)
      expect(test.equivalent).toBe(test.p <= 0.05)
    })
  })

  it('wrongly finds equivalence in 5 of 100 samples at the margin, and mostly finds it at zero', () => {
    const share = (shift: number) =>
      Array.from({ length: 2000 }, (_, seed) => noise(seed, 20, shift)).filter(
        (sample) => pairedEquivalence(sample, { margin: 1 }).equivalent,
      ).length / 2000
    // Standard error 0.005.
    expect(Math.abs(share(1) - 0.05)).toBeLessThan(0.015)
    expect(share(0)).toBeGreaterThan(0.95)
  })

  it('takes constant differences as certain', () => {
    expect(pairedEquivalence([0.1, 0.1], { margin: 0.2 })).toMatchObject({ p: 0, equivalent: true })
    expect(pairedEquivalence([0.5, 0.5], { margin: 0.2 })).toMatchObject({ p: 1, equivalent: false })
  })
})

describe('pairedProportionEquivalence', () => {
  // 1e-6: scipy finds the constrained maximum of the likelihood only to the root of rounding.
  it.skipIf(python === null)(
    'equals the score statistic at a numerically constrained maximum of the likelihood',
    () => {
      const expected = inPython<number[]>(
        `import numpy as np
from scipy import optimize, stats
def score(b, c, n, delta):
  a = n - b - c
  def loss(q):
    p = q + delta
    return -(b * np.log(max(p, 1e-300)) + c * np.log(max(q, 1e-300)) + a * np.log(max(1 - p - q, 1e-300)))
  low, high = max(0, -delta), (1 - delta) / 2
  q = optimize.minimize_scalar(loss, bounds=(low, high), method='bounded', options={'xatol': 1e-13}).x
  return (b - c - n * delta) / np.sqrt(n * (2 * q + delta - delta ** 2))
print(json.dumps([float(max(stats.norm.sf(score(t['first'], t['second'], sum(t.values()), -0.15)),
  stats.norm.cdf(score(t['first'], t['second'], sum(t.values()), 0.15)))) for t in data]))`,
        tables,
      )
      tables.forEach((table, i) => {
        expect(pairedProportionEquivalence(table, { margin: 0.15 }).p).toBeCloseTo(expected[i] as number, 6)
      })
    },
  )

  it('has the interval of the score test: its ends are where p is the significance', () => {
    for (const table of tables) {
      const { low, high } = pairedProportionEquivalence(table, { margin: 0.2 })
      const margin = Math.max(-low, high)
      const { p } = pairedProportionEquivalence(table, { margin })
      expect(p).toBeCloseTo(0.05, 9)
      expect(pairedProportionEquivalence(table, { margin: margin * 1.01 }).equivalent).toBe(true)
      expect(pairedProportionEquivalence(table, { margin: margin * 0.99 }).equivalent).toBe(false)
    }
  })

  it('mirrors when sides are swapped, keeps within -1 to 1, and holds its difference', () => {
    const count = fc.integer({ min: 0, max: 30 })
    const pairs = fc.record({ both: count, first: count, second: count, neither: count })
    fc.assert(
      fc.property(
        pairs.filter((table) => Object.values(table).some((value) => value > 0)),
        (table) => {
          const forward = pairedProportionEquivalence(table, { margin: 0.1 })
          const swapped = { ...table, first: table.second, second: table.first }
          const backward = pairedProportionEquivalence(swapped, { margin: 0.1 })
          expect(forward.p).toBeCloseTo(backward.p, 9)
          expect(forward.low).toBeCloseTo(-backward.high, 9)
          expect(forward.low).toBeGreaterThanOrEqual(-1)
          expect(forward.low).toBeLessThanOrEqual(forward.difference + 1e-12)
          expect(forward.high).toBeGreaterThanOrEqual(forward.difference - 1e-12)
        },
      ),
    )
  })
})

function noise(seed: number, count: number, shift = 0): number[] {
  const random = new RandomStream('equivalence', seed)
  return Array.from({ length: count }, () => random.normal() + shift)
}
