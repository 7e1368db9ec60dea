import { normalCdf, normalQuantile } from './distributions.ts'

/** What the end points of an interval are read from. */
export interface Resampled {
  /** The estimate on the values as they are. */
  readonly estimate: number
  /** The estimate on each draw, ascending. */
  readonly replicates: Float64Array
  /** Influence of each independent unit on the estimate, up to a common factor, for the acceleration. */
  readonly influences: readonly number[]
}

/** End points by the BCa method (Efron, 1987). `reach`: quantile of the standard normal that they lie at. */
export function bcaEndPoints(resampled: Resampled, reach: number): { low: number; high: number } {
  const { estimate, replicates, influences } = resampled
  const bias = normalQuantile(clampShare(shareBelow(replicates, estimate), replicates.length))
  const acceleration = skewAcceleration(influences)
  const endPoint = (z: number) => {
    const shifted = bias + z
    return sortedQuantile(replicates, normalCdf(bias + shifted / Math.max(1e-6, 1 - acceleration * shifted)))
  }
  return { low: endPoint(-reach), high: endPoint(reach) }
}

/** Share of sorted values below x; those equal to it (up to rounding) count half. */
function shareBelow(sorted: Float64Array, x: number): number {
  const slack = 1e-9 * Math.max(1e-12, (sorted.at(-1) as number) - (sorted[0] as number))
  let below = 0
  for (const value of sorted) below += value < x - slack ? 1 : value <= x + slack ? 0.5 : 0
  return below / sorted.length
}

function clampShare(share: number, draws: number): number {
  return Math.min(1 - 0.5 / draws, Math.max(0.5 / draws, share))
}

function skewAcceleration(influences: readonly number[]): number {
  const powers = (power: number) => influences.reduce((sum, value) => sum + value ** power, 0)
  const squares = powers(2)
  return squares === 0 ? 0 : powers(3) / (6 * squares ** 1.5)
}

function sortedQuantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1)
  const left = Math.floor(position)
  const low = sorted[left] as number
  return low + (position - left) * ((sorted[left + 1] ?? low) - low)
}
