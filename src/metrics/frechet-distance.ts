import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix'
import { requireAtLeast, requireSameLength } from './check-input.ts'
import { normalCdf, normalQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'
import { checkedWidth, dot, type Features } from './kernel.ts'
import type { DistanceEstimate } from './kernel-distance.ts'

/**
 * Fréchet distance of the normal distributions that have the means and covariances of two sets of features (Heusel et al.,
 * 2017): ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). With Inception features this is FID. It is biased: the fewer images, the
 * larger, so only sets of equal size may be compared.
 *
 * The trace of the root is taken as the sum of the singular values of X₁X₂ᵀ, of centred rows, over the root of
 * (n₁ − 1)(n₂ − 1): they are the roots of the eigenvalues of Σ₁Σ₂, and exact where there are fewer images than features,
 * where others add 10⁻⁶ to the diagonals. Throws StatisticsError for sets of fewer than 2 images, or features that are not
 * finite or not of one width.
 */
export function frechetDistance(x: Features, y: Features): number {
  requireComparable(x, y)
  return distanceOf(spreadOf(x), spreadOf(y))
}

/** {@link frechetDistance} with an interval over the images of both sides: a jackknife that leaves out groups of them. */
export function frechetDistanceInterval(x: Features, y: Features): DistanceEstimate {
  requireComparable(x, y)
  const [own, reference] = [spreadOf(x), spreadOf(y)]
  const distance = distanceOf(own, reference)
  const variance =
    groupVariance(x, (some) => distanceOf(spreadOf(some), reference)) +
    groupVariance(y, (some) => distanceOf(own, spreadOf(some)))
  return { distance, ...around(distance, variance) }
}

/** A paired difference of two Fréchet distances to one reference. */
export interface FrechetDifference extends Interval {
  readonly difference: number
  /** Two-sided, by the normal distribution of the difference over its jackknife error. */
  readonly p: number
}

/**
 * `frechetDistance(first, reference) − frechetDistance(second, reference)` for paired images (row i of both belongs to one
 * prompt and seed), with a jackknife interval over groups of pairs and of reference images.
 */
export function frechetDistanceDifference(first: Features, second: Features, reference: Features): FrechetDifference {
  requireSameLength(first.length, second.length, 'number of images', 'a difference of Fréchet distances')
  for (const set of [first, second]) requireComparable(set, reference)
  const [a, b, target] = [first, second, reference].map(spreadOf) as [Spread, Spread, Spread]
  const difference = distanceOf(a, target) - distanceOf(b, target)
  const pairs = first.map((_, i) => i)
  const variance =
    groupVariance(
      pairs,
      (some) =>
        distanceOf(spreadOf(some.map((i) => first[i] ?? [])), target) -
        distanceOf(spreadOf(some.map((i) => second[i] ?? [])), target),
    ) + groupVariance(reference, (some) => distanceOf(a, spreadOf(some)) - distanceOf(b, spreadOf(some)))
  const z = variance === 0 ? 0 : Math.abs(difference) / Math.sqrt(variance)
  return { difference, ...around(difference, variance), p: 2 * (1 - normalCdf(z)) }
}

/** Most groups that are left out in turn; beyond as many images, several leave together. */
const mostGroups = 40

/** Variance by a jackknife that leaves out one group after another (Kott, 2001); every so many items make a group. */
function groupVariance<Item>(items: readonly Item[], value: (some: readonly Item[]) => number): number {
  const groups = Math.min(mostGroups, items.length)
  const without = Array.from({ length: groups }, (_, group) => value(items.filter((_, i) => i % groups !== group)))
  const mean = without.reduce((sum, one) => sum + one, 0) / groups
  return ((groups - 1) / groups) * without.reduce((sum, one) => sum + (one - mean) ** 2, 0)
}

function around(value: number, variance: number): Interval {
  const reach = Math.sqrt(variance) * normalQuantile(0.5 + defaultConfidence / 2)
  return {
    low: value - reach,
    high: value + reach,
    confidence: defaultConfidence,
    method: 'jackknife over groups of images',
  }
}

function requireComparable(x: Features, y: Features): void {
  requireAtLeast(2, Math.min(x.length, y.length), 'images on either side', 'a Fréchet distance')
  checkedWidth(x, y)
}

interface Spread {
  readonly mean: readonly number[]
  /** As many rows as images or features, whichever are fewer, whose products add up to the covariance. */
  readonly root: Matrix
  /** Of the covariance. */
  readonly trace: number
}

function spreadOf(rows: Features): Spread {
  const width = rows[0]?.length ?? 0
  const mean = Array.from({ length: width }, (_, j) => rows.reduce((sum, row) => sum + (row[j] ?? 0), 0) / rows.length)
  const scale = 1 / Math.sqrt(rows.length - 1)
  const centred = rows.map((row) => row.map((value, j) => scale * (value - (mean[j] ?? 0))))
  const trace = centred.reduce((sum, row) => sum + dot(row, row), 0)
  const matrix = new Matrix(centred)
  return { mean, trace, root: rows.length > width ? new QrDecomposition(matrix).upperTriangularMatrix : matrix }
}

function distanceOf(x: Spread, y: Spread): number {
  const shift = x.mean.reduce((sum, value, i) => sum + (value - (y.mean[i] ?? 0)) ** 2, 0)
  const product = x.root.mmul(y.root.transpose())
  const { diagonal } = new SingularValueDecomposition(product, {
    computeLeftSingularVectors: false,
    computeRightSingularVectors: false,
    autoTranspose: true,
  })
  return shift + x.trace + y.trace - 2 * diagonal.reduce((sum, value) => sum + value, 0)
}
