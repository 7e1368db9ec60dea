import { RandomStream } from '../util/random.ts'
import { requireAtLeast, requireSameLength, requireShare, requireThat } from './check-input.ts'
import { normalQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'
import { type Features, type Kernel, polynomialGram } from './kernel.ts'

/**
 * Squared maximum mean discrepancy between two sets of features, unbiased: the U-statistic over all pairs. It may be
 * negative. With Inception features and the polynomial kernel, the default, this is the Kernel Inception Distance; with
 * other features it must be named after them. Throws StatisticsError unless both sets have the same number (at least 3) of images
 * with finite features of one width.
 */
export function kernelDistance(x: Features, y: Features, kernel: Kernel = polynomialGram): number {
  requireEqualCount(x, y)
  return offDiagonalMean(kernel(x, x)) + offDiagonalMean(kernel(y, y)) - 2 * gramMean(kernel(x, y))
}

export interface SubsetOptions {
  /** How many random subsets. */
  readonly subsets: number
  /** Images a subset, drawn without replacement from either side. */
  readonly size: number
  readonly seed: number
}

/** Mean of {@link kernelDistance} over random subsets, the convention of published Kernel Inception Distances. */
export function kernelDistanceOverSubsets(x: Features, y: Features, options: SubsetOptions): number {
  const { subsets, size, seed } = options
  requireAtLeast(
    size,
    Math.min(x.length, y.length),
    'images on either side',
    `a kernel distance over subsets of ${size}`,
  )
  requireThat(
    Number.isSafeInteger(subsets) && subsets > 0,
    'subsets',
    subsets,
    'a whole number from 1',
    'a kernel distance',
  )
  let total = 0
  for (let i = 0; i < subsets; i++) {
    const random = new RandomStream('kernel-subset', seed, i)
    total += kernelDistance(random.shuffle(x).slice(0, size), random.shuffle(y).slice(0, size))
  }
  return total / subsets
}

/** A distance with its interval. */
export interface DistanceEstimate extends Interval {
  readonly distance: number
}

/** {@link kernelDistance} with a jackknife interval over the images of both sides. */
export function kernelDistanceInterval(
  x: Features,
  y: Features,
  confidence: number = defaultConfidence,
  kernel: Kernel = polynomialGram,
): DistanceEstimate {
  requireEqualCount(x, y)
  requireShare('confidence', confidence, 'a kernel distance')
  const own = leaveOneOut(kernel(x, x))
  const reference = leaveOneOut(kernel(y, y))
  const cross = kernel(x, y)
  const rows = crossLeaveOneOut(cross)
  const columns = crossLeaveOneOut(transpose(cross))
  const distance = own.whole + reference.whole - 2 * rows.whole
  const error = Math.sqrt(
    jackknifeVariance(own.without.map((value, i) => value - 2 * (rows.without[i] as number))) +
      jackknifeVariance(reference.without.map((value, i) => value - 2 * (columns.without[i] as number))),
  )
  const reach = error * normalQuantile(0.5 + confidence / 2)
  return {
    distance,
    low: distance - reach,
    high: distance + reach,
    confidence,
    method: 'jackknife over images',
  }
}

/** A paired difference of two distances to one reference. */
export interface DistanceDifference extends Interval {
  readonly difference: number
  /** Two-sided, by swapping the two sides within pairs. */
  readonly p: number
}

export interface DistanceDifferenceOptions {
  readonly seed: number
  /** Random swaps of the permutation test. Default 2,000. */
  readonly draws?: number
  readonly confidence?: number
  /** The polynomial one by default. */
  readonly kernel?: Kernel
}

/**
 * `kernelDistance(first, reference) - kernelDistance(second, reference)` for paired images (row i of both belongs to
 * one prompt and seed): jackknife interval over pairs and reference, permutation test that swaps within pairs. The
 * reference's own term cancels.
 */
export function kernelDistanceDifference(
  first: Features,
  second: Features,
  reference: Features,
  options: DistanceDifferenceOptions,
): DistanceDifference {
  requireEqualCount(first, second)
  requireEqualCount(first, reference)
  const { seed, draws = 2000, confidence = defaultConfidence, kernel = polynomialGram } = options
  requireShare('confidence', confidence, 'a kernel distance')
  requireThat(Number.isSafeInteger(draws) && draws > 0, 'draws', draws, 'a whole number from 1', 'a kernel distance')
  const grams = [leaveOneOut(kernel(first, first)), leaveOneOut(kernel(second, second))] as const
  const crosses = [kernel(first, reference), kernel(second, reference)] as const
  const rows = crosses.map(crossLeaveOneOut)
  const columns = crosses.map((cross) => crossLeaveOneOut(transpose(cross)))
  const side = (index: 0 | 1, i: number) =>
    (grams[index].without[i] as number) - 2 * (rows[index]?.without[i] as number)
  const difference = grams[0].whole - grams[1].whole - 2 * ((rows[0]?.whole as number) - (rows[1]?.whole as number))
  const overPairs = first.map((_, i) => side(0, i) - side(1, i))
  const overReference = reference.map(
    (_, i) => -2 * ((columns[0]?.without[i] as number) - (columns[1]?.without[i] as number)),
  )
  const error = Math.sqrt(jackknifeVariance(overPairs) + jackknifeVariance(overReference))
  const reach = error * normalQuantile(0.5 + confidence / 2)
  const pooled = [...first, ...second]
  const p = swapTest(kernel(pooled, pooled), crosses, difference, draws, seed)
  return {
    difference,
    low: difference - reach,
    high: difference + reach,
    p,
    confidence,
    method: 'jackknife over pairs',
  }
}

/** Share of random swaps within pairs whose difference is at least as large; the observed one counts. */
function swapTest(
  gram: readonly Float64Array[],
  crosses: readonly [Float64Array[], Float64Array[]],
  observed: number,
  draws: number,
  seed: number,
): number {
  const n = gram.length / 2
  const toReference = [...crosses[0], ...crosses[1]].map((row) => row.reduce((sum, value) => sum + value, 0) / n)
  const random = new RandomStream('kernel-swap', seed)
  const slack = 1e-12 * Math.abs(observed)
  let extreme = 1
  for (let draw = 0; draw < draws; draw++) {
    const swapped = Array.from({ length: n }, () => random.uint32() & 1)
    let own = 0
    let cross = 0
    for (let i = 0; i < n; i++) {
      const a = i + n * (swapped[i] as number)
      const b = i + n - n * (swapped[i] as number)
      cross += (toReference[a] as number) - (toReference[b] as number)
      for (let j = 0; j < i; j++) {
        const c = j + n * (swapped[j] as number)
        const d = j + n - n * (swapped[j] as number)
        own += (gram[a]?.[c] as number) - (gram[b]?.[d] as number)
      }
    }
    const value = (2 * own) / (n * (n - 1)) - (2 * cross) / n
    if (Math.abs(value) >= Math.abs(observed) - slack) extreme++
  }
  return extreme / (draws + 1)
}

/** Off-diagonal mean of a square matrix, whole and with each index left out. */
function leaveOneOut(gram: readonly Float64Array[]): {
  whole: number
  without: number[]
} {
  const n = gram.length
  const rowSums = gram.map((row, i) => row.reduce((sum, value) => sum + value, 0) - (row[i] as number))
  const total = rowSums.reduce((sum, value) => sum + value, 0)
  return {
    whole: total / (n * (n - 1)),
    without: rowSums.map((row) => (total - 2 * row) / ((n - 1) * (n - 2))),
  }
}

/** Mean of a matrix, whole and with each row left out. */
function crossLeaveOneOut(gram: readonly Float64Array[]): {
  whole: number
  without: number[]
} {
  const means = gram.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length)
  const total = means.reduce((sum, value) => sum + value, 0)
  return {
    whole: total / means.length,
    without: means.map((value) => (total - value) / (means.length - 1)),
  }
}

function jackknifeVariance(without: readonly number[]): number {
  const n = without.length
  const mean = without.reduce((sum, value) => sum + value, 0) / n
  return ((n - 1) / n) * without.reduce((sum, value) => sum + (value - mean) ** 2, 0)
}

function offDiagonalMean(gram: readonly Float64Array[]): number {
  return leaveOneOut(gram).whole
}

function gramMean(gram: readonly Float64Array[]): number {
  return crossLeaveOneOut(gram).whole
}

function transpose(gram: readonly Float64Array[]): Float64Array[] {
  return Array.from(gram[0] ?? [], (_, j) => Float64Array.from(gram, (row) => row[j] as number))
}

function requireEqualCount(x: Features, y: Features): void {
  requireSameLength(x.length, y.length, 'number of images', 'a kernel distance')
  requireAtLeast(3, x.length, 'images on either side', 'a kernel distance')
}
