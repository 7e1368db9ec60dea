import { describe, expect, it } from 'vitest'
import {
  mcnemarExact,
  pairedMeanPower,
  pairedProportionPower,
  pairsForMeanEffect,
  pairsForProportionDifference,
  smallestMeanEffect,
  smallestProportionDifference,
} from '../../src/metrics/index.ts'
import { noncentralStudentCdf } from '../../src/metrics/noncentral-student.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

describe('noncentralStudentCdf', () => {
  // 1e-9: what Simpson's rule leaves; scipy's own series is good to about 1e-12.
  it.skipIf(python === null)('equals scipy', () => {
    const cases = [-3, -1, 0, 0.5, 2, 4, 9].flatMap((t) =>
      [1, 2, 5, 31, 400].flatMap((degrees) => [-2, 0, 1.5, 4].map((shift) => [t, degrees, shift] as const)),
    )
    const expected = inPython<number[]>(
      `from scipy import stats
print(json.dumps([float(stats.nct.cdf(t, d, s) if s else stats.t.cdf(t, d)) for t, d, s in data]))`,
      cases,
    )
    cases.forEach(([t, degrees, shift], i) => {
      const difference = Math.abs(noncentralStudentCdf(t, degrees, shift) - (expected[i] as number))
      expect(difference, `${t} ${degrees} ${shift}`).toBeLessThan(1e-9)
    })
  })
})

describe('power of paired means', () => {
  // Power to 1e-9; the effect to 1e-5, where statsmodels' root finder stops.
  it.skipIf(python === null)('equals statsmodels, and so do effect and number of pairs', () => {
    const cases = [
      [8, 1],
      [32, 0.5],
      [200, 0.15],
      [2, 3],
    ] as const
    const expected = inPython<{ power: number; effect: number; pairs: number }[]>(
      `import math
from statsmodels.stats.power import TTestPower
test = TTestPower()
print(json.dumps([{'power': float(test.power(e, n, 0.05)),
  'effect': float(test.solve_power(None, n, 0.05, 0.8)),
  'pairs': math.ceil(float(test.solve_power(e, None, 0.05, 0.8))) if n > 2 else 0} for n, e in data]))`,
      cases,
    )
    cases.forEach(([pairs, effect], i) => {
      expect(pairedMeanPower(pairs, effect)).toBeCloseTo(expected[i]?.power as number, 9)
      expect(smallestMeanEffect(pairs)).toBeCloseTo(expected[i]?.effect as number, 5)
      if (pairs > 2) expect(pairsForMeanEffect(effect)).toBe(expected[i]?.pairs)
    })
  })

  it('is the significance when there is no effect, and does not care about its sign', () => {
    expect(pairedMeanPower(12, 0, 0.01)).toBeCloseTo(0.01, 9)
    expect(pairedMeanPower(12, -0.7)).toBe(pairedMeanPower(12, 0.7))
  })
})

describe('power of paired proportions', () => {
  // 1e-10: the same finite sum over all tables, there by scipy's binomials and statsmodels' test.
  it.skipIf(python === null)('equals the sum over all tables with the test of statsmodels', () => {
    const cases = [
      [12, 0.5, 0.6],
      [32, 0.2, 0.3],
      [20, -0.4, 0.58],
    ] as const
    const expected = inPython<number[]>(
      `from scipy.stats import multinomial
from statsmodels.stats.contingency_tables import mcnemar
def power(n, d, m):
  chances = [(m + d) / 2, (m - d) / 2, 1 - m]
  return sum(multinomial.pmf([b, c, n - b - c], n, chances) for b in range(n + 1) for c in range(n + 1 - b)
    if mcnemar([[0, b], [c, 0]], exact=True).pvalue <= 0.05)
print(json.dumps([float(power(*case)) for case in data]))`,
      cases,
    )
    cases.forEach(([pairs, difference, differing], i) => {
      expect(pairedProportionPower(pairs, difference, { differing })).toBeCloseTo(expected[i] as number, 10)
    })
  })

  it('is what simulated studies of independent outcomes about one half find', () => {
    const [pairs, rounds] = [60, 4000]
    const difference = smallestProportionDifference(pairs) as number
    const random = new RandomStream('power', 1)
    let found = 0
    for (let round = 0; round < rounds; round++) {
      let [first, second] = [0, 0]
      for (let pair = 0; pair < pairs; pair++) {
        const left = random.chance(0.5 + difference / 2)
        const right = random.chance(0.5 - difference / 2)
        if (left && !right) first++
        if (right && !left) second++
      }
      if (mcnemarExact(first, second) <= 0.05) found++
    }
    // Four standard errors of 4,000 rounds.
    expect(Math.abs(found / rounds - 0.8)).toBeLessThan(4 * 0.0064)
  })

  it('says how many pairs a difference wants, and what that many pairs see', () => {
    const pairs = pairsForProportionDifference(0.2, { differing: 0.3 })
    expect(pairedProportionPower(pairs, 0.2, { differing: 0.3 })).toBeGreaterThanOrEqual(0.8)
    expect(pairedProportionPower(pairs - 1, 0.2, { differing: 0.3 })).toBeLessThan(0.8)
    expect(smallestProportionDifference(pairs, { differing: 0.3 })).toBeLessThanOrEqual(0.2 + 1e-5)
    expect(smallestProportionDifference(4)).toBeNull()
    expect(smallestProportionDifference(32)).toBeGreaterThan(smallestProportionDifference(64) as number)
  })
})
