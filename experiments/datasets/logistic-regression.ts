/** Weights of standardised features, turned back to the features' own scales. */
export interface LogisticFit {
  readonly weights: readonly number[]
  readonly bias: number
}

const iterations = 50
/** Strength of the penalty on squared weights, in observations: it keeps classes that can be parted from growing without end. */
const ridge = 1

/**
 * Logistic regression with a ridge by Newton's method (Hastie, Tibshirani and Friedman 2009, 4.4.1). Both classes weigh
 * alike however many they are, so that 0.5 means undecided.
 *
 * @param rows features of each observation
 * @param labels 1 for those that are looked for, 0 for others
 */
export function fitLogistic(rows: readonly (readonly number[])[], labels: readonly number[]): LogisticFit {
  const columns = rows[0]?.map((_, j) => rows.map((row) => row[j] as number)) ?? []
  const means = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / column.length)
  const spreads = columns.map((column, j) =>
    Math.max(
      1e-9,
      Math.sqrt(column.reduce((sum, value) => sum + (value - (means[j] as number)) ** 2, 0) / column.length),
    ),
  )
  const scaled = rows.map((row) => [
    1,
    ...row.map((value, j) => (value - (means[j] as number)) / (spreads[j] as number)),
  ])
  const positives = labels.filter((label) => label === 1).length
  const weightOf = (label: number): number => labels.length / 2 / (label === 1 ? positives : labels.length - positives)
  let parameters = scaled[0]?.map(() => 0) ?? []
  for (let i = 0; i < iterations; i++) {
    const gradient = parameters.map((value, j) => (j === 0 ? 0 : -ridge * value))
    const hessian = parameters.map((_, j) => parameters.map((__, k) => (j === k && j > 0 ? ridge : 0)))
    for (const [n, row] of scaled.entries()) {
      const label = labels[n] as number
      const p = logistic(row.reduce((sum, value, j) => sum + value * (parameters[j] as number), 0))
      for (const [j, value] of row.entries()) {
        gradient[j] = (gradient[j] as number) + weightOf(label) * (label - p) * value
        const line = hessian[j] as number[]
        for (const [k, other] of row.entries())
          line[k] = (line[k] as number) + weightOf(label) * p * (1 - p) * value * other
      }
    }
    const step = solve(hessian, gradient)
    parameters = parameters.map((value, j) => value + (step[j] as number))
  }
  const weights = parameters.slice(1).map((value, j) => value / (spreads[j] as number))
  const bias = weights.reduce((sum, weight, j) => sum - weight * (means[j] as number), parameters[0] as number)
  return { weights, bias }
}

function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value))
}

/** Gauss-Jordan elimination; the matrix is positive definite, so no pivot is 0. */
function solve(matrix: number[][], right: readonly number[]): number[] {
  const rows = matrix.map((row, j) => [...row, right[j] as number])
  for (const [j, pivot] of rows.entries()) {
    const head = pivot[j] as number
    for (const [k, value] of pivot.entries()) pivot[k] = value / head
    for (const [other, row] of rows.entries()) {
      const factor = row[j] as number
      if (other !== j) for (const [k, value] of pivot.entries()) row[k] = (row[k] as number) - factor * value
    }
  }
  return rows.map((row) => row.at(-1) as number)
}
