import { RandomStream } from '../util/random.ts'
import { type ClusteredValues, clusteredMean } from './bootstrap.ts'
import { requireCounts, requireFinite, requireThat } from './check-input.ts'
import { binomialCdf } from './distributions.ts'

/** Units up to which every sign pattern is enumerated (65,536 patterns). */
const exactUnits = 16

export interface PermutationOptions {
  /** Random sign patterns when there are too many to enumerate. Default 10,000. */
  readonly draws?: number
  readonly seed: number
}

/**
 * Two-sided paired permutation test that the mean difference is zero: signs of the differences are flipped. Exact for
 * up to 16 units (as `scipy.stats.permutation_test` with `permutation_type='samples'`), else by seeded random
 * patterns with the observed one counted, so p is never 0.
 *
 * Throws StatisticsError for no differences, differences that are not finite, or draws below 1.
 */
export function pairedPermutationTest(differences: readonly number[], options: PermutationOptions): number {
  const { draws = 10_000, seed } = options
  requireFinite(differences, 'pairedPermutationTest')
  requireThat(
    Number.isSafeInteger(draws) && draws > 0,
    'draws',
    draws,
    'a whole number from 1',
    'pairedPermutationTest',
  )
  const moving = differences.filter((difference) => difference !== 0)
  const observed = Math.abs(moving.reduce((sum, difference) => sum + difference, 0))
  const slack = 1e-12 * moving.reduce((sum, difference) => sum + Math.abs(difference), 0)
  if (moving.length <= exactUnits) return exactSignFlips(moving, observed - slack)
  const random = new RandomStream('permutation', seed)
  let extreme = 1
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0
    for (const difference of moving) sum += random.uint32() & 1 ? difference : -difference
    if (Math.abs(sum) >= observed - slack) extreme++
  }
  return extreme / (draws + 1)
}

/**
 * Two-sided permutation test that the mean over clusters of paired differences is zero: all differences of a cluster
 * (a prompt) change sign together, so seeds of one prompt need not be independent. Exact and random patterns and
 * errors as in {@link pairedPermutationTest}; p is at least 2 / 2^clusters, so five clusters can never reach 0.05.
 */
export function clusterPermutationTest(differences: ClusteredValues, options: PermutationOptions): number {
  for (const row of differences) requireFinite(row, 'clusterPermutationTest')
  return pairedPermutationTest(
    differences.map((row) => clusteredMean([row])),
    options,
  )
}

/**
 * McNemar's exact two-sided test: of the pairs that differ, `first` fell one way and `second` the other; under the
 * null each is a fair coin. 1 when no pair differs. Throws StatisticsError for what is no count.
 */
export function mcnemarExact(first: number, second: number): number {
  requireCounts({ first, second }, 'mcnemarExact')
  return Math.min(1, 2 * binomialCdf(Math.min(first, second), first + second, 0.5))
}

/**
 * McNemar's mid-p test: as {@link mcnemarExact}, with the observed split counted half. The exact test is conservative
 * with few differing pairs; this one keeps its level in practice and sees more (Fagerland, Lydersen and Laake, 2013).
 */
export function mcnemarMidP(first: number, second: number): number {
  requireCounts({ first, second }, 'mcnemarMidP')
  const [fewer, trials] = [Math.min(first, second), first + second]
  return binomialCdf(fewer, trials, 0.5) + binomialCdf(fewer - 1, trials, 0.5)
}

/**
 * Holm's step-down correction: p-values adjusted for being several, in the order given. Throws StatisticsError for a
 * p-value that is not from 0 to 1.
 */
export function holm(pValues: readonly number[]): number[] {
  pValues.forEach((p, i) => {
    requireThat(p >= 0 && p <= 1, `p-value ${i}`, p, 'from 0 to 1', 'holm')
  })
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] as number) - (pValues[b] as number))
  const adjusted = new Array<number>(pValues.length)
  let floor = 0
  order.forEach((index, rank) => {
    floor = Math.max(floor, Math.min(1, (pValues[index] as number) * (pValues.length - rank)))
    adjusted[index] = floor
  })
  return adjusted
}

function exactSignFlips(differences: readonly number[], threshold: number): number {
  const patterns = 2 ** differences.length
  let extreme = 0
  for (let pattern = 0; pattern < patterns; pattern++) {
    let sum = 0
    for (let i = 0; i < differences.length; i++) {
      const difference = differences[i] as number
      sum += (pattern >> i) & 1 ? difference : -difference
    }
    if (Math.abs(sum) >= threshold) extreme++
  }
  return extreme / patterns
}
