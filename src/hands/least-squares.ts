/** Where a search ended. */
export interface LeastSquares {
  readonly parameters: Float64Array
  /** Half the sum of the squared residuals. */
  readonly cost: number
}

const [firstDamping, mostDamping] = [1e-2, 1e8]
/** A step that gains less than this share of the cost ends the search. */
const leastGain = 1e-4

/**
 * Levenberg and Marquardt's search for the least sum of squared residuals (Marquardt 1963, damped by the diagonal), with
 * derivatives by forward differences. Always ends: at a minimum, or after `iterations`.
 *
 * @param steps of the differences, one per parameter
 */
export function minimise(
  residuals: (parameters: Float64Array) => Float64Array,
  start: Float64Array,
  steps: Float64Array,
  iterations: number,
): LeastSquares {
  let parameters = start
  let here = residuals(parameters)
  let cost = halfSquare(here)
  let damping = firstDamping
  for (let iteration = 0; iteration < iterations; iteration++) {
    const columns = differences(residuals, parameters, here, steps)
    const before = cost
    while (damping < mostDamping) {
      const step = solveNormal(columns, here, damping)
      const next = step && parameters.map((value, i) => value - (step[i] as number))
      const there = next && residuals(next)
      const nextCost = there === null ? Number.NaN : halfSquare(there)
      if (next !== null && there !== null && nextCost < cost) {
        ;[parameters, here, cost] = [next, there, nextCost]
        damping = Math.max(1e-9, damping / 10)
        break
      }
      damping *= 10
    }
    if (before - cost < leastGain * before) break
  }
  return { parameters, cost }
}

function halfSquare(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0) / 2
}

function differences(
  residuals: (parameters: Float64Array) => Float64Array,
  parameters: Float64Array,
  here: Float64Array,
  steps: Float64Array,
): Float64Array[] {
  return Array.from(parameters, (value, i) => {
    const moved = parameters.slice()
    const step = steps[i] as number
    moved[i] = value + step
    const there = residuals(moved)
    return there.map((residual, row) => (residual - (here[row] as number)) / step)
  })
}

/** Solves (JᵀJ + damping · diag(JᵀJ)) x = Jᵀr by Cholesky's factors; null when it has no solution. */
function solveNormal(columns: readonly Float64Array[], residuals: Float64Array, damping: number): Float64Array | null {
  const count = columns.length
  const matrix = new Float64Array(count * count)
  const right = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const column = columns[i] as Float64Array
    right[i] = dot(column, residuals)
    for (let k = 0; k <= i; k++) matrix[i * count + k] = dot(column, columns[k] as Float64Array)
    // A parameter that changes nothing stays where it is.
    matrix[i * count + i] = (matrix[i * count + i] as number) * (1 + damping) + 1e-12
  }
  for (let i = 0; i < count; i++) {
    for (let k = 0; k <= i; k++) {
      let sum = matrix[i * count + k] as number
      for (let j = 0; j < k; j++) sum -= (matrix[i * count + j] as number) * (matrix[k * count + j] as number)
      if (i === k && !(sum > 0)) return null
      matrix[i * count + k] = i === k ? Math.sqrt(sum) : sum / (matrix[k * count + k] as number)
    }
  }
  return backSubstitute(matrix, forwardSubstitute(matrix, right))
}

function forwardSubstitute(factor: Float64Array, right: Float64Array): Float64Array {
  const count = right.length
  const out = right.slice()
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < i; k++) out[i] = (out[i] as number) - (factor[i * count + k] as number) * (out[k] as number)
    out[i] = (out[i] as number) / (factor[i * count + i] as number)
  }
  return out
}

function backSubstitute(factor: Float64Array, right: Float64Array): Float64Array {
  const count = right.length
  const out = right.slice()
  for (let i = count - 1; i >= 0; i--) {
    for (let k = i + 1; k < count; k++)
      out[i] = (out[i] as number) - (factor[k * count + i] as number) * (out[k] as number)
    out[i] = (out[i] as number) / (factor[i * count + i] as number)
  }
  return out
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
