import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bootstrapMean, clusteredMean, pairedDifferences, type ResamplingScope } from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

describe('bootstrapMean', () => {
  it.skipIf(python === null)('comes near scipy BCa for one large group', () => {
    const random = new RandomStream('skewed', 1)
    const sample = Array.from({ length: 200 }, () => Math.exp(random.normal()))
    const expected = inPython<[number, number]>(
      `import numpy as np
from scipy import stats
r = stats.bootstrap((np.array(data),), np.mean, n_resamples=20000, method='BCa', random_state=0)
print(json.dumps([float(r.confidence_interval.low), float(r.confidence_interval.high)]))`,
      sample,
    )
    const ours = bootstrapMean([sample], { scope: 'seeds', seed: 1, draws: 20_000 })
    // Two runs of scipy with different seeds differ by about 1 % of the width; Student's quantile at 199 adds 0.6 %.
    const width = expected[1] - expected[0]
    expect(Math.abs(ours.low - expected[0])).toBeLessThan(0.04 * width)
    expect(Math.abs(ours.high - expected[1])).toBeLessThan(0.04 * width)
  })

  it('is repeatable, moves with a shift and scales with a factor', () => {
    const values = fc.array(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 3, maxLength: 5 }), {
      minLength: 3,
      maxLength: 5,
    })
    const scope = fc.constantFrom<ResamplingScope>('seeds', 'prompts-and-seeds')
    fc.assert(
      fc.property(values, scope, (rows, drawn) => {
        const plain = bootstrapMean(rows, { scope: drawn, seed: 4, draws: 2000 })
        expect(bootstrapMean(rows, { scope: drawn, seed: 4, draws: 2000 })).toEqual(plain)
        const moved = rows.map((row) => row.map((value) => 3 + value * 2))
        const other = bootstrapMean(moved, { scope: drawn, seed: 4, draws: 2000 })
        expect(other.low).toBeCloseTo(3 + 2 * plain.low, 6)
        expect(other.high).toBeCloseTo(3 + 2 * plain.high, 6)
        expect(plain.low).toBeLessThanOrEqual(plain.mean + 1e-9)
        expect(plain.high).toBeGreaterThanOrEqual(plain.mean - 1e-9)
      }),
      { numRuns: 25 },
    )
  })

  it('takes differences unit by unit', () => {
    expect(pairedDifferences([[3, 2]], [[1, 1]])).toEqual([[2, 1]])
    expect(clusteredMean([[1, 3], [5]])).toBe(3.5)
  })
})
