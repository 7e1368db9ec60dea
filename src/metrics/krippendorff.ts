import { RandomStream } from '../util/random.ts'
import { bcaEndPoints } from './bca.ts'
import { requireDraws } from './bootstrap.ts'
import { requireAtLeast, requireFinite, requireShare } from './check-input.ts'
import { normalQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'

/** How far apart two values are: different or not, by rank, or by their difference. */
export type MeasurementLevel = 'nominal' | 'ordinal' | 'interval'

export interface AgreementOptions {
  readonly level: MeasurementLevel
  readonly seed: number
  /** Bootstrap draws. Default 2,000, at least 2,000. */
  readonly draws?: number
  /** Default 0.95. */
  readonly confidence?: number
}

/** Krippendorff's alpha with its interval: 1 is agreement, 0 what chance would give, below 0 systematic disagreement. */
export interface AgreementEstimate extends Interval {
  readonly alpha: number
  /** Units that at least two raters judged; the others say nothing about agreement. */
  readonly units: number
}

const method = 'krippendorffAlpha'

/**
 * Krippendorff's alpha (2011, "Computing Krippendorff's alpha-reliability") of any number of raters. `units` holds for
 * each thing that was rated the values it was given, in any order and as many as there are; categories are numbers, too.
 * Null when all values are the same: then agreement by chance would be perfect as well.
 *
 * Interval: units are drawn with replacement (Zapf, Castell, Morawietz and Karch, 2016), end points are
 * {@link bcaEndPoints}. Draws without any variation are drawn anew.
 *
 * Throws StatisticsError for fewer than two units with two values, values that are not finite, fewer than 2,000 draws,
 * and a confidence outside 0 to 1.
 */
export function krippendorffAlpha(
  units: readonly (readonly number[])[],
  options: AgreementOptions,
): AgreementEstimate | null {
  const { level, seed, draws = 2000, confidence = defaultConfidence } = options
  requireDraws(draws, method)
  requireShare('confidence', confidence, method)
  const paired = units.filter((values) => values.length > 1)
  requireAtLeast(2, paired.length, 'units with two values', method)
  for (const values of paired) requireFinite(values, method)
  const scale = [...new Set(paired.flat())].sort((a, b) => a - b)
  const coincidences = paired.map((values) => coincidencesOf(values, scale))
  const alpha = alphaOf(coincidences, scale, level)
  if (alpha === null) return null
  const random = new RandomStream('krippendorff', seed)
  const replicates = Float64Array.from({ length: draws }, () => {
    for (;;) {
      const drawn = alphaOf(
        paired.map(() => random.pick(coincidences)),
        scale,
        level,
      )
      if (drawn !== null) return drawn
    }
  }).sort()
  const without = coincidences.map((_, left) => alphaOf(coincidences.toSpliced(left, 1), scale, level) ?? alpha)
  const centre = without.reduce((sum, value) => sum + value, 0) / without.length
  const influences = without.map((value) => centre - value)
  const { low, high } = bcaEndPoints({ estimate: alpha, replicates, influences }, normalQuantile(0.5 + confidence / 2))
  return { alpha, units: paired.length, low, high, confidence, method: `BCa bootstrap over units, ${draws} draws` }
}

/** Pairs of values that different raters gave one unit, by their places on the scale; each value counts once in all. */
type Coincidences = readonly (readonly [first: number, second: number, weight: number])[]

function coincidencesOf(values: readonly number[], scale: readonly number[]): Coincidences {
  const places = values.map((value) => scale.indexOf(value))
  const weight = 1 / (values.length - 1)
  return places.flatMap((first, i) =>
    places.flatMap((second, j) => (i === j ? [] : [[first, second, weight] as const])),
  )
}

/** One minus observed over expected disagreement; null when the values do not differ at all. */
function alphaOf(units: readonly Coincidences[], scale: readonly number[], level: MeasurementLevel): number | null {
  const counts = new Float64Array(scale.length)
  for (const unit of units) {
    for (const [first, , weight] of unit) counts[first] = (counts[first] as number) + weight
  }
  if (counts.filter((count) => count > 0).length < 2) return null
  const total = sum(counts)
  const positions = level === 'interval' ? Float64Array.from(scale) : meanRanks(counts)
  const distance = (first: number, second: number): number =>
    level === 'nominal' ? Number(first !== second) : ((positions[first] as number) - (positions[second] as number)) ** 2
  let observed = 0
  for (const unit of units) for (const [first, second, weight] of unit) observed += weight * distance(first, second)
  return 1 - ((total - 1) * observed) / expectedDisagreement(counts, positions, level)
}

/** Sum of the distances of all pairs of values, whoever gave them. */
function expectedDisagreement(counts: Float64Array, positions: Float64Array, level: MeasurementLevel): number {
  const total = sum(counts)
  if (level === 'nominal') return total ** 2 - sum(counts.map((count) => count ** 2))
  const centre = sum(counts.map((count, i) => count * (positions[i] as number))) / total
  return 2 * total * sum(counts.map((count, i) => count * ((positions[i] as number) - centre) ** 2))
}

/** Two values are as far apart by rank as what lies between them and half of either. */
function meanRanks(counts: Float64Array): Float64Array {
  let below = 0
  return counts.map((count) => {
    below += count
    return below - count / 2
  })
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
