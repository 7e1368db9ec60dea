import { requireFinite, requireShare } from './check-input.ts'
import { bisect, normalQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'

/** Area under the receiver operating characteristic with its interval. */
export interface AucEstimate extends Interval {
  readonly auc: number
}

/**
 * Probability that a positive example scores higher than a negative one, ties counting half (Mann and Whitney, 1947;
 * equal to `sklearn.metrics.roc_auc_score`). The interval is Newcombe's score method (2006, method 5), which stays
 * sensible at 0 and 1.
 *
 * Throws StatisticsError for no positives or negatives, scores that are not finite, and a confidence outside 0 to 1.
 */
export function auc(
  positives: readonly number[],
  negatives: readonly number[],
  confidence: number = defaultConfidence,
): AucEstimate {
  const [m, n] = [positives.length, negatives.length]
  requireFinite(positives, 'auc over positives')
  requireFinite(negatives, 'auc over negatives')
  requireShare('confidence', confidence, 'auc')
  const value = mannWhitney(positives, negatives) / (m * n)
  const z = normalQuantile(0.5 + confidence / 2)
  const distance = (theta: number) => (theta - value) / Math.max(1e-12, standardError(theta, m, n))
  return {
    auc: value,
    low: value === 0 ? 0 : bisect((theta) => distance(theta) + z, 0, value),
    high: value === 1 ? 1 : bisect((theta) => distance(theta) - z, value, 1),
    confidence,
    method: 'Newcombe score for the area under the curve',
  }
}

/** Number of (positive, negative) pairs in which the positive is higher, by ranks in O(n log n). */
function mannWhitney(positives: readonly number[], negatives: readonly number[]): number {
  const all = [
    ...positives.map((score) => ({ score, positive: 1 })),
    ...negatives.map((score) => ({ score, positive: 0 })),
  ]
  all.sort((a, b) => a.score - b.score)
  let rankSum = 0
  for (let start = 0; start < all.length; ) {
    let end = start
    let tied = 0
    while (end < all.length && all[end]?.score === all[start]?.score) tied += all[end++]?.positive ?? 0
    rankSum += tied * ((start + 1 + end) / 2)
    start = end
  }
  return rankSum - (positives.length * (positives.length + 1)) / 2
}

function standardError(theta: number, m: number, n: number): number {
  const others = (m + n) / 2 - 1
  const spread = 1 + others * ((1 - theta) / (2 - theta) + theta / (1 + theta))
  return Math.sqrt((theta * (1 - theta) * spread) / (m * n))
}
