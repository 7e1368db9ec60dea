import { requireFinite, requireSameLength, requireThat } from './check-input.ts'

/** One row of features per image. */
export type Features = readonly (readonly number[])[]

/** Gram matrix of two sets of features: a row for each of the first, a column for each of the second. */
export type Kernel = (x: Features, y: Features) => Float64Array[]

/** The polynomial kernel (x·y / d + 1)³ of Bińkowski et al. (2018). */
export const polynomialGram: Kernel = (x, y) => {
  const width = checkedWidth(x, y)
  return x.map((a) => Float64Array.from(y, (b) => (dot(a, b) / width + 1) ** 3))
}

/**
 * The Gaussian kernel exp(−‖x − y‖² / 2σ²) of rows brought to length 1, with σ = 10 as CMMD has it (Jayasumana et al.,
 * 2024).
 */
export const gaussianGram: Kernel = (x, y) => {
  checkedWidth(x, y)
  const [a, b] = [x.map(normalised), y.map(normalised)]
  // Of rows of length 1, the squared distance is 2 − 2 cos.
  return a.map((one) => Float64Array.from(b, (other) => Math.exp((dot(one, other) - 1) / sigma ** 2)))
}

const sigma = 10

/** A row brought to length 1. Throws StatisticsError for one of length 0. */
export function normalised(row: readonly number[]): number[] {
  const length = Math.sqrt(dot(row, row))
  requireThat(length > 0, 'the length of a row', length, 'more than 0', 'a cosine')
  return row.map((value) => value / length)
}

/** Sum of the products of two rows. */
export function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

/** Refuses features that are not finite, or not of one width, which is given back. */
export function checkedWidth(x: Features, y: Features): number {
  const width = x[0]?.length ?? 0
  for (const row of [...x, ...y]) {
    requireFinite(row, 'a distance of features')
    requireSameLength(width, row.length, 'width of features', 'a distance of features')
  }
  return width
}
