import { requireAtLeast, requireFinite, requireSameLength } from './check-input.ts'
import { normalQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'

/** A rank correlation with its interval. */
export interface SpearmanEstimate extends Interval {
  readonly correlation: number
}

/**
 * Spearman's rank correlation, equal values sharing their mean rank. The interval is Fisher's, with the variance of Bonett
 * and Wright (2000). Throws StatisticsError for unequal numbers of values, fewer than 5, or values that are not finite.
 */
export function spearman(x: readonly number[], y: readonly number[]): SpearmanEstimate {
  const method = 'a rank correlation'
  requireSameLength(x.length, y.length, 'number of values', method)
  requireAtLeast(5, x.length, 'values', method)
  requireFinite(x, method)
  requireFinite(y, method)
  const correlation = pearson(ranks(x), ranks(y))
  const error = Math.sqrt((1 + correlation ** 2 / 2) / (x.length - 3))
  const reach = error * normalQuantile(0.5 + defaultConfidence / 2)
  const bounded = Math.max(-1 + 1e-12, Math.min(1 - 1e-12, correlation))
  return {
    correlation,
    low: Math.tanh(Math.atanh(bounded) - reach),
    high: Math.tanh(Math.atanh(bounded) + reach),
    confidence: defaultConfidence,
    method: 'Fisher transform with the variance of Bonett and Wright',
  }
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
  const found = new Array<number>(values.length)
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end++
    for (let i = start; i < end; i++) found[order[i] ?? 0] = (start + end + 1) / 2
    start = end
  }
  return found
}

/** 0 where one side does not vary at all. */
function pearson(x: readonly number[], y: readonly number[]): number {
  const mean = (x.length + 1) / 2
  let [xy, xx, yy] = [0, 0, 0]
  for (const [i, value] of x.entries()) {
    const [a, b] = [value - mean, (y[i] ?? 0) - mean]
    xy += a * b
    xx += a * a
    yy += b * b
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy)
}
