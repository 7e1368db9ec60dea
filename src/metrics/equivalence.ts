import { requireAtLeast, requireCounts, requireFinite, requireShare, requireThat } from './check-input.ts'
import { bisect, normalCdf, normalQuantile, studentCdf, studentQuantile } from './distributions.ts'
import type { Interval } from './interval.ts'
import type { PairedCounts } from './proportion.ts'

export interface EquivalenceOptions {
  /** Differences smaller than this do not matter; to be stated before the data are seen. */
  readonly margin: number
  /** Level of each of the two one-sided tests. Default 0.05. */
  readonly significance?: number
}

/** Whether a difference is shown to lie within the margin. Not being shown is no proof of the contrary. */
export interface EquivalenceTest extends Interval {
  readonly difference: number
  readonly margin: number
  /** The larger of the two one-sided p-values. */
  readonly p: number
  /** True when p is at most the significance, that is when the interval lies within the margin. */
  readonly equivalent: boolean
}

/**
 * Two one-sided paired t tests (Schuirmann, 1987; equal to `statsmodels.stats.weightstats.ttost_paired`) that the mean
 * of the differences lies within plus and minus `margin`. The interval has confidence 1 - 2 × significance. Units must
 * be independent: with several seeds a prompt, give the mean difference of each prompt.
 *
 * Throws StatisticsError for fewer than two differences, ones that are not finite, and a margin that is not positive.
 */
export function pairedEquivalence(differences: readonly number[], options: EquivalenceOptions): EquivalenceTest {
  const { margin, significance } = requireOptions(options, 'pairedEquivalence')
  requireFinite(differences, 'pairedEquivalence')
  const count = differences.length
  requireAtLeast(2, count, 'differences', 'pairedEquivalence')
  const difference = differences.reduce((sum, value) => sum + value, 0) / count
  const squares = differences.reduce((sum, value) => sum + (value - difference) ** 2, 0)
  const error = Math.sqrt(squares / (count - 1) / count)
  const upperTail = (distance: number) =>
    error === 0 ? Number(distance <= 0) : studentCdf(-distance / error, count - 1)
  const reach = error * studentQuantile(1 - significance, count - 1)
  return {
    difference,
    margin,
    p: Math.max(upperTail(margin + difference), upperTail(margin - difference)),
    equivalent: difference - reach > -margin && difference + reach < margin,
    low: difference - reach,
    high: difference + reach,
    confidence: 1 - 2 * significance,
    method: 'two one-sided paired t tests',
  }
}

/**
 * Two one-sided score tests that two proportions seen on the same units differ by less than `margin`: Tango's score
 * statistic (1998), recommended for equivalence of paired proportions by Liu et al. (2002). The interval, by inverting
 * the same test, has confidence 1 - 2 × significance; it keeps its width when no pair differs.
 *
 * Throws StatisticsError for what is no count, no pairs, and a margin that is not between 0 and 1.
 */
export function pairedProportionEquivalence(counts: PairedCounts, options: EquivalenceOptions): EquivalenceTest {
  const method = 'pairedProportionEquivalence'
  const { margin, significance } = requireOptions(options, method)
  requireShare('margin', margin, method)
  requireCounts({ ...counts }, method)
  const { first, second } = counts
  const pairs = counts.both + first + second + counts.neither
  requireAtLeast(1, pairs, 'pairs', method)
  const difference = (first - second) / pairs
  const score = (delta: number) => tangoScore(first, second, pairs, delta)
  const z = normalQuantile(1 - significance)
  const p = Math.max(normalCdf(-score(-margin)), normalCdf(score(margin)))
  return {
    difference,
    margin,
    p,
    equivalent: p <= significance,
    low: bisect((delta) => z - score(delta), -1, difference),
    high: bisect((delta) => -score(delta) - z, difference, 1),
    confidence: 1 - 2 * significance,
    method: 'Tango score for paired proportions',
  }
}

/** Standardised distance of the observed difference from `delta`, the variance estimated with `delta` held true. */
function tangoScore(first: number, second: number, pairs: number, delta: number): number {
  const linear = -first - second + (2 * pairs - first + second) * delta
  const constant = -second * delta * (1 - delta)
  const share = (Math.sqrt(Math.max(0, linear ** 2 - 8 * pairs * constant)) - linear) / (4 * pairs)
  const variance = pairs * (2 * share + delta * (1 - delta))
  const distance = first - second - pairs * delta
  if (variance > 0) return distance / Math.sqrt(variance)
  return distance === 0 ? 0 : Math.sign(distance) * Number.POSITIVE_INFINITY
}

function requireOptions(options: EquivalenceOptions, method: string): Required<EquivalenceOptions> {
  const { margin, significance = 0.05 } = options
  requireThat(Number.isFinite(margin) && margin > 0, 'margin', margin, 'a finite number above 0', method)
  requireThat(significance > 0 && significance < 0.5, 'significance', significance, 'between 0 and 0.5', method)
  return { margin, significance }
}
