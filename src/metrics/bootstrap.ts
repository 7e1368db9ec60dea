import { RandomStream } from '../util/random.ts'
import { bcaEndPoints } from './bca.ts'
import { requireAtLeast, requireFinite, requireSameLength, requireShare, requireThat } from './check-input.ts'
import { studentQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'

/** One row per prompt, one value per seed; rows may differ in length. */
export type ClusteredValues = readonly (readonly number[])[]

/**
 * What is imagined as drawn anew: only the seeds of these very prompts, or new prompts with new seeds. The second says
 * more and needs more: with a handful of prompts its interval is wide.
 */
export type ResamplingScope = 'seeds' | 'prompts-and-seeds'

/** Prompts from which on intervals speak for prompts not tried; with fewer, how prompts differ cannot be known. */
const promptsForGeneralisation = 8

/** What intervals may claim, by the number of prompts. */
export function scopeOf(prompts: number): ResamplingScope {
  return prompts >= promptsForGeneralisation ? 'prompts-and-seeds' : 'seeds'
}

export interface BootstrapOptions {
  readonly scope: ResamplingScope
  readonly seed: number
  /** Default 5,000, at least 2,000. */
  readonly draws?: number
  /** Default 0.95. */
  readonly confidence?: number
}

/** A mean over prompts of the mean over their seeds, with its interval. */
export interface MeanEstimate extends Interval {
  readonly mean: number
}

/**
 * First minus second, unit by unit. Throws StatisticsError unless the two have the same shape: the same prompts and
 * seeds.
 */
export function pairedDifferences(first: ClusteredValues, second: ClusteredValues): number[][] {
  requireSameLength(first.length, second.length, 'prompts', 'pairedDifferences')
  first.forEach((row, i) => {
    requireSameLength(row.length, second[i]?.length ?? 0, `seeds of prompt ${i}`, 'pairedDifferences')
  })
  return first.map((row, i) => row.map((value, j) => value - (second[i]?.[j] as number)))
}

/** Mean over prompts of the mean over their seeds, so that every prompt counts the same. */
export function clusteredMean(values: ClusteredValues): number {
  return mean(values.map(mean))
}

/**
 * Cluster bootstrap of {@link clusteredMean}; give it paired differences for a paired comparison.
 *
 * Prompts are drawn with replacement (scope `prompts-and-seeds`), then seeds inside each. Drawing at both levels
 * counts the seeds' noise twice, so prompt means are shrunk and residuals scaled (two-stage bootstrap of Davison and
 * Hinkley, 1997, section 3.8); the variance of the draws is then that of the textbook. End points: {@link bcaEndPoints}
 * with the normal quantile replaced by Student's, because few units make a percentile interval too narrow (Hesterberg,
 * 2015).
 *
 * Throws StatisticsError for an empty row, values that are not finite, fewer than 2,000 draws, a confidence outside 0
 * to 1, or too few units to know their spread.
 */
export function bootstrapMean(values: ClusteredValues, options: BootstrapOptions): MeanEstimate {
  const { scope, seed, draws = 5000, confidence = defaultConfidence } = options
  requireDraws(draws, 'bootstrapMean')
  requireShare('confidence', confidence, 'bootstrapMean')
  requireAtLeast(1, values.length, 'prompts', 'bootstrapMean')
  for (const row of values) requireFinite(row, 'bootstrapMean')
  const model = scope === 'seeds' ? seedModel(values) : promptModel(values)
  const replicates = drawMeans(model, draws, new RandomStream('bootstrap', seed))
  const estimate = clusteredMean(values)
  const reach = studentQuantile(0.5 + confidence / 2, model.degrees)
  const { low, high } = bcaEndPoints({ estimate, replicates, influences: model.influences }, reach)
  const method = `BCa bootstrap over ${scope === 'seeds' ? 'seeds' : 'prompts and seeds'}, ${draws} draws`
  return {
    mean: estimate,
    low,
    high,
    confidence,
    method,
  }
}

/** Refuses fewer draws than a BCa end point can be read from (Efron and Tibshirani, 1993, chapter 14). */
export function requireDraws(draws: number, method: string): void {
  requireThat(Number.isSafeInteger(draws) && draws >= 2000, 'draws', draws, 'a whole number from 2,000', method)
}

interface ResamplingModel {
  readonly redrawClusters: boolean
  readonly centres: readonly number[]
  readonly residuals: ClusteredValues
  /** Degrees of freedom of the estimate's standard error. */
  readonly degrees: number
  /** Empirical influence of each independent unit, for the acceleration. */
  readonly influences: readonly number[]
}

/** Prompts fixed; each keeps its own spread. Prompts with one seed each are pooled into one group. */
function seedModel(values: ClusteredValues): ResamplingModel {
  requireAtLeast(2, values.flat().length, 'values', 'bootstrapMean')
  const rows = values.some((row) => row.length < 2) ? [values.flat()] : values
  const centres = rows.map(mean)
  const residuals = rows.map((row, i) => scaledResiduals(row, centres[i] as number))
  const parts = rows.map((row, i) => ({
    variance: variance(row, centres[i] as number) / row.length,
    degrees: row.length - 1,
  }))
  const total = sum(parts.map((part) => part.variance))
  const degrees = total === 0 ? 1 : total ** 2 / sum(parts.map((part) => part.variance ** 2 / part.degrees))
  const influences = rows.flatMap((row, i) => row.map((value) => (value - (centres[i] as number)) / row.length))
  return { redrawClusters: false, centres, residuals, degrees, influences }
}

function promptModel(values: ClusteredValues): ResamplingModel {
  const count = values.length
  requireAtLeast(2, count, 'prompts', 'bootstrapMean over prompts')
  const means = values.map(mean)
  const overall = mean(means)
  const between = variance(means, overall)
  const within = mean(values.map((row, i) => (row.length < 2 ? 0 : variance(row, means[i] as number) / row.length)))
  const kept = between === 0 ? 0 : Math.max(0, (between - within) / between)
  const scale = Math.sqrt((kept * count) / (count - 1))
  const inner = Math.sqrt(within === 0 ? 0 : Math.min(1, between / within))
  return {
    redrawClusters: true,
    centres: means.map((value) => overall + scale * (value - overall)),
    residuals: values.map((row, i) => scaledResiduals(row, means[i] as number).map((residual) => residual * inner)),
    degrees: count - 1,
    influences: means.map((value) => value - overall),
  }
}

/** Residuals whose resampled mean has the unbiased variance. */
function scaledResiduals(row: readonly number[], centre: number): number[] {
  const scale = row.length < 2 ? 0 : Math.sqrt(row.length / (row.length - 1))
  return row.map((value) => (value - centre) * scale)
}

function drawMeans(model: ResamplingModel, draws: number, random: RandomStream): Float64Array {
  const { centres, residuals } = model
  const replicates = new Float64Array(draws)
  for (let draw = 0; draw < draws; draw++) {
    let total = 0
    for (let i = 0; i < centres.length; i++) {
      const cluster = model.redrawClusters ? random.integer(centres.length) : i
      const row = residuals[cluster] as readonly number[]
      let rowSum = 0
      for (let j = 0; j < row.length; j++) rowSum += row[random.integer(row.length)] as number
      total += (centres[cluster] as number) + rowSum / row.length
    }
    replicates[draw] = total / centres.length
  }
  return replicates.sort()
}

function variance(values: readonly number[], centre: number): number {
  return sum(values.map((value) => (value - centre) ** 2)) / (values.length - 1)
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
