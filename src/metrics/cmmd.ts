import { defaultConfidence } from './interval.ts'
import { type Features, gaussianGram } from './kernel.ts'
import { type DistanceEstimate, kernelDistance, kernelDistanceInterval } from './kernel-distance.ts'

/**
 * How the discrepancy is estimated: over all pairs, each image with itself left out (`u-statistic`: unbiased, may be
 * negative), or with it (`v-statistic`: as the reference implementation of CMMD, biased by about 2 (1 − k̄) / n).
 */
export type Estimator = 'u-statistic' | 'v-statistic'

const scale = 1000

/**
 * CMMD (Jayasumana et al., 2024): 1000 times the squared maximum mean discrepancy of {@link gaussianGram} between two
 * equally large sets of CLIP embeddings. Throws StatisticsError as {@link kernelDistance}.
 */
export function cmmd(x: Features, y: Features, estimator: Estimator): number {
  return scale * (kernelDistance(x, y, gaussianGram) + biasOf(x, y, estimator))
}

/** {@link cmmd} with a jackknife interval over the images of both sides; the bias of a V-statistic is not resampled. */
export function cmmdInterval(x: Features, y: Features, estimator: Estimator): DistanceEstimate {
  const estimate = kernelDistanceInterval(x, y, defaultConfidence, gaussianGram)
  const bias = biasOf(x, y, estimator)
  return {
    ...estimate,
    distance: scale * (estimate.distance + bias),
    low: scale * (estimate.low + bias),
    high: scale * (estimate.high + bias),
  }
}

/** What the diagonals, which are 1, add to the means over all pairs. */
function biasOf(x: Features, y: Features, estimator: Estimator): number {
  if (estimator === 'u-statistic') return 0
  return [x, y].reduce((sum, set) => {
    const off = gaussianGram(set, set).reduce(
      (total, row, i) => total + row.reduce((a, b) => a + b, 0) - (row[i] ?? 0),
      0,
    )
    return sum + (1 - off / (set.length * (set.length - 1))) / set.length
  }, 0)
}
