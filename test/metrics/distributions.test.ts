import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binomialCdf, normalCdf, normalQuantile, studentCdf, studentQuantile } from '../../src/metrics/distributions.ts'
import { inPython, python } from './reference.ts'

describe('distributions', () => {
  it.skipIf(python === null)('equal scipy', () => {
    const points = [-30, -8, -3.1, -2.9, -1, -0.01, 0, 0.5, 1.96, 3.001, 6, 12]
    const shares = [1e-9, 0.00073, 0.025, 0.3, 0.5, 0.975, 0.9999]
    const degrees = [1, 2, 3.7, 7, 28, 400]
    const binomials = [
      [0, 1, 0.5],
      [3, 10, 0.5],
      [50, 120, 0.4],
      [9, 9, 0.5],
      [0, 30, 0.01],
    ] as const
    const expected = inPython<Record<'cdf' | 'quantile' | 'student' | 'studentCdf' | 'binomial', number[]>>(
      `from scipy import stats
print(json.dumps({
  'cdf': [float(stats.norm.cdf(x)) for x in data['points']],
  'quantile': [float(stats.norm.ppf(p)) for p in data['shares']],
  'student': [float(stats.t.ppf(p, d)) for p in data['shares'] for d in data['degrees']],
  'studentCdf': [float(stats.t.cdf(x, d)) for x in data['points'] for d in data['degrees']],
  'binomial': [float(stats.binom.cdf(*b)) for b in data['binomials']],
}))`,
      { points, shares, degrees, binomials },
    )
    compare(points.map(normalCdf), expected.cdf)
    compare(shares.map(normalQuantile), expected.quantile)
    compare(
      shares.flatMap((p) => degrees.map((d) => studentQuantile(p, d))),
      expected.student,
    )
    compare(
      points.flatMap((x) => degrees.map((d) => studentCdf(x, d))),
      expected.studentCdf,
    )
    compare(
      binomials.map(([successes, trials, probability]) => binomialCdf(successes, trials, probability)),
      expected.binomial,
    )
  })

  it('quantile undoes the cumulative distribution', () => {
    fc.assert(
      fc.property(fc.double({ min: -6, max: 6, noNaN: true }), (x) => {
        expect(normalQuantile(normalCdf(x))).toBeCloseTo(x, 6)
      }),
    )
  })
})

/** Relative 1e-9: the bisected quantiles of far tails lose a few digits; all else agrees to 1e-12. */
function compare(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  actual.forEach((value, i) => {
    const wanted = expected[i] as number
    expect(Math.abs(value - wanted), `${i}: ${value} against ${wanted}`).toBeLessThanOrEqual(
      1e-9 * Math.abs(wanted) + 1e-15,
    )
  })
}
