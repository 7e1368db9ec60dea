/** Rows of equal length. */
export type Matrix = readonly (readonly number[])[]

/** Product of two matrices of fitting sizes. */
export function multiply(left: Matrix, right: Matrix): number[][] {
  return left.map((row) =>
    (right[0] ?? []).map((_, column) => row.reduce((sum, value, i) => sum + value * (right[i]?.[column] as number), 0)),
  )
}

/** Inverse of a square matrix of full rank (Gauss and Jordan, the largest pivot of each column). */
export function inverse(matrix: Matrix): number[][] {
  const size = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let i = column + 1; i < size; i++) {
      if (Math.abs(rows[i]?.[column] as number) > Math.abs(rows[pivot]?.[column] as number)) pivot = i
    }
    const [held, other] = [rows[column] as number[], rows[pivot] as number[]]
    rows[pivot] = held
    rows[column] = other.map((value) => value / (other[column] as number))
    for (let i = 0; i < size; i++) {
      const factor = rows[i]?.[column] as number
      if (i !== column)
        rows[i] = (rows[i] as number[]).map((value, j) => value - factor * (rows[column]?.[j] as number))
    }
  }
  return rows.map((row) => row.slice(size))
}
