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

describe('coverage of a nominal 95 % interval lies between 93 and 97', () => {
  const rounds = 800
  const cases: [string, ResamplingScope, number, number, (random: RandomStream) => (prompt: number) => number][] = [
    ['paired scores, 4 prompts of 8 seeds', 'seeds', 4, 8, (random) => (prompt) => random.normal() + prompt - 1.5],
    ['skewed scores, 4 prompts of 16 seeds', 'seeds', 4, 16, (random) => () => -Math.log(1 - random.unit()) - 1],
    ['paired yes/no, 3 prompts of 16 seeds', 'seeds', 3, 16, pairedYesNo],
    ['10 new prompts that differ little', 'prompts-and-seeds', 10, 6, (random) => nested(random, 0.1)],
    ['10 new prompts that differ much', 'prompts-and-seeds', 10, 6, (random) => nested(random, 2)],
    ['16 new prompts, yes/no', 'prompts-and-seeds', 16, 6, pairedYesNo],
  ]

  it.each(cases)(
    '%s',
    (_name, scope, prompts, seeds, make) => {
      let covered = 0
      for (let round = 0; round < rounds; round++) {
        const draw = make(new RandomStream('coverage', round))
        const values = Array.from({ length: prompts }, (_, prompt) => Array.from({ length: seeds }, () => draw(prompt)))
        const { low, high } = bootstrapMean(values, { scope, seed: round, draws: 2000 })
        if (low <= 0 && 0 <= high) covered++
      }
      expect(covered / rounds).toBeGreaterThan(0.93)
      expect(covered / rounds).toBeLessThan(0.97)
    },
    60_000,
  )
})

/** Differences of two yes/no outcomes with the same chance 0.6 (they share half of their luck). */
function pairedYesNo(random: RandomStream): () => number {
  const outcome = () => (random.chance(0.6) ? 1 : 0)
  return () => {
    const shared = outcome()
    return (random.chance(0.5) ? shared : outcome()) - (random.chance(0.5) ? shared : outcome())
  }
}

/** Scores whose prompts have their own mean, drawn anew each time. */
function nested(random: RandomStream, spread: number): (prompt: number) => number {
  const centres = new Map<number, number>()
  return (prompt) => {
    if (!centres.has(prompt)) centres.set(prompt, spread * random.normal())
    return (centres.get(prompt) as number) + random.normal()
  }
}
