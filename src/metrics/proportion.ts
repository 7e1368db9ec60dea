import { requireCounts, requireSameLength, requireShare, requireThat } from './check-input.ts'
import { normalQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'

/**
 * Wilson's score interval of a proportion (Wilson, 1927); sensible also at 0 and 1.
 * `trials` may be fractional, as an effective sample size is.
 *
 * Throws StatisticsError unless 0 <= successes <= trials, trials > 0 and confidence lies between 0 and 1.
 */
export function wilsonInterval(successes: number, trials: number, confidence: number = defaultConfidence): Interval {
  const method = 'wilsonInterval'
  requireThat(Number.isFinite(trials) && trials > 0, 'trials', trials, 'a finite number above 0', method)
  requireThat(successes >= 0 && successes <= trials, 'successes', successes, `from 0 to the ${trials} trials`, method)
  requireShare('confidence', confidence, method)
  const z = normalQuantile(0.5 + confidence / 2)
  const share = successes / trials
  const centre = share + (z * z) / (2 * trials)
  const reach = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))
  const scale = 1 + (z * z) / trials
  return {
    low: successes === 0 ? 0 : (centre - reach) / scale,
    high: successes === trials ? 1 : (centre + reach) / scale,
    confidence,
    method: 'Wilson score',
  }
}

/** Outcomes of pairs: how often both, only the first, only the second, or neither were true. */
export interface PairedCounts {
  readonly both: number
  readonly first: number
  readonly second: number
  readonly neither: number
}

/** Counts the four outcomes of yes/no pairs. Throws StatisticsError for anything but 1 and 0, and for unequal lengths. */
export function countPairs(first: readonly number[], second: readonly number[]): PairedCounts {
  requireSameLength(first.length, second.length, 'units', 'countPairs')
  const counts = { both: 0, first: 0, second: 0, neither: 0 }
  for (const side of [first, second]) {
    side.forEach((outcome, i) => {
      requireThat(outcome === 0 || outcome === 1, `outcome ${i}`, outcome, '1 (yes) or 0 (no)', 'countPairs')
    })
  }
  for (let i = 0; i < first.length; i++) {
    if (first[i] === 1) counts[second[i] === 1 ? 'both' : 'first']++
    else counts[second[i] === 1 ? 'second' : 'neither']++
  }
  return counts
}

/**
 * Interval of the difference (first minus second) of two proportions seen on the same units: Newcombe's hybrid score
 * interval for paired data (Newcombe, 1998, method 10). It keeps its width when no pair differs, where a bootstrap
 * would claim to be certain. Throws StatisticsError for what is no count, and when there are no pairs.
 */
export function pairedProportionInterval(counts: PairedCounts, confidence: number = defaultConfidence): Interval {
  requireCounts({ ...counts }, 'pairedProportionInterval')
  const { both, first, second, neither } = counts
  const n = both + first + second + neither
  const p1 = (both + first) / n
  const p2 = (both + second) / n
  const i1 = wilsonInterval(both + first, n, confidence)
  const i2 = wilsonInterval(both + second, n, confidence)
  const margins = (both + first) * (second + neither) * (both + second) * (first + neither)
  const cross = both * neither - first * second
  const corrected = cross > n / 2 ? cross - n / 2 : Math.min(cross, 0)
  const phi = margins === 0 ? 0 : corrected / Math.sqrt(margins)
  const reach = (a: number, b: number) => Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b))
  return {
    low: p1 - p2 - reach(p1 - i1.low, i2.high - p2),
    high: p1 - p2 + reach(i1.high - p1, p2 - i2.low),
    confidence,
    method: 'Newcombe paired score',
  }
}
