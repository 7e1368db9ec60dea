import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auc, countPairs, pairedProportionInterval, wilsonInterval } from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

describe('wilsonInterval', () => {
  it.skipIf(python === null)('equals scipy', () => {
    const cases = [
      [0, 8],
      [3, 8],
      [8, 8],
      [57, 200],
    ] as const
    const expected = inPython<[number, number][]>(
      `from scipy import stats
print(json.dumps([[float(x) for x in stats.binomtest(k, n).proportion_ci(method='wilson')] for k, n in data]))`,
      cases,
    )
    cases.forEach(([k, n], i) => {
      const interval = wilsonInterval(k, n)
      expect(interval.low).toBeCloseTo(expected[i]?.[0] as number, 12)
      expect(interval.high).toBeCloseTo(expected[i]?.[1] as number, 12)
    })
  })
})

describe('pairedProportionInterval', () => {
  it('equals the worked example of Newcombe (1998), table II row a: 36, 12, 2, 0', () => {
    const interval = pairedProportionInterval({ both: 36, first: 12, second: 2, neither: 0 })
    expect(interval.low).toBeCloseTo(0.0569, 4)
    expect(interval.high).toBeCloseTo(0.3404, 4)
  })

  it('keeps a width when no pair differs, and mirrors when the sides are swapped', () => {
    const calm = pairedProportionInterval({ both: 8, first: 0, second: 0, neither: 0 })
    expect(calm.high - calm.low).toBeGreaterThan(0.3)
    const pairs = fc.record({ both: small(), first: small(), second: small(), neither: small() })
    fc.assert(
      fc.property(pairs, ({ both, first, second, neither }) => {
        const forward = pairedProportionInterval({ both, first, second, neither })
        const backward = pairedProportionInterval({ both, first: second, second: first, neither })
        expect(forward.low).toBeCloseTo(-backward.high, 10)
        expect(forward.low).toBeGreaterThanOrEqual(-1)
        expect(forward.high).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('counts pairs', () => {
    expect(countPairs([1, 1, 0, 0, 1], [1, 0, 1, 0, 0])).toEqual({ both: 1, first: 2, second: 1, neither: 1 })
  })
})

describe('auc', () => {
  it.skipIf(python === null)('equals scikit-learn, ties included', () => {
    const random = new RandomStream('auc', 1)
    const positives = Array.from({ length: 40 }, () => Math.round(random.normal() * 3 + 2))
    const negatives = Array.from({ length: 55 }, () => Math.round(random.normal() * 3))
    const expected = inPython<number>(
      `from sklearn.metrics import roc_auc_score
p, n = data
print(json.dumps(float(roc_auc_score([1] * len(p) + [0] * len(n), p + n))))`,
      [positives, negatives],
    )
    expect(auc(positives, negatives).auc).toBeCloseTo(expected, 12)
  })

  it('is certain of nothing at 1 and covers its truth', () => {
    const perfect = auc([3, 4, 5, 6, 7], [0, 1, 2])
    expect(perfect.auc).toBe(1)
    expect(perfect.high).toBe(1)
    expect(perfect.low).toBeLessThan(0.9)
    expect(auc([1, 1], [1, 1]).auc).toBe(0.5)
  })

  it('interval covers the true area in 93 to 97 of 100 binormal samples', () => {
    const random = new RandomStream('auc-coverage', 2)
    const truth = 0.8555778 // Φ(1.5 / √2): two unit normals 1.5 apart
    let covered = 0
    const rounds = 2000
    for (let i = 0; i < rounds; i++) {
      const positives = Array.from({ length: 40 }, () => random.normal() + 1.5)
      const negatives = Array.from({ length: 60 }, () => random.normal())
      const estimate = auc(positives, negatives)
      if (estimate.low <= truth && truth <= estimate.high) covered++
    }
    expect(covered / rounds).toBeGreaterThan(0.93)
    expect(covered / rounds).toBeLessThan(0.97)
  })
})

function small() {
  return fc.integer({ min: 1, max: 9 })
}
