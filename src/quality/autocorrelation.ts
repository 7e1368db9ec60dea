import { FourierTransform } from './fourier-transform.ts'

/** Side in pixels of the squares that are correlated with themselves. */
export const correlatedSide = 256

const side = correlatedSide
const half = side / 2
const fourier = new FourierTransform(side)

/**
 * How like a square of 256 by 256 values, wound around at its edges, is to itself moved by x and y, divided by how like it
 * is unmoved: at `y * 256 + x` for y from 0 to `lags` and every x, those beyond 128 for movements to the left. By the
 * theorem of Wiener and Khinchin it is the transform of the power. All 0 for values that are all 0.
 */
export function autocorrelation(values: Float64Array, lags: number): Float64Array {
  const spectrum = transformRows(values)
  for (let v = 0; v <= half; v++) {
    const [real, imaginary] = [column(spectrum.real, v), column(spectrum.imaginary, v)]
    fourier.transform(real, imaginary)
    for (let u = 0; u < side; u++) real[u] = (real[u] as number) ** 2 + (imaginary[u] as number) ** 2
    imaginary.fill(0)
    fourier.transform(real, imaginary)
  }
  return backRows(spectrum, lags)
}

/** Horizontal frequencies 0 to 128 of each row, as columns one after another. */
interface Columns {
  readonly real: Float64Array
  readonly imaginary: Float64Array
}

function column(columns: Float64Array, v: number): Float64Array {
  return columns.subarray(v * side, (v + 1) * side)
}

/** Two rows at a time, one as the real and one as the imaginary part, which symmetry tells apart. */
function transformRows(values: Float64Array): Columns {
  const columns = { real: new Float64Array((half + 1) * side), imaginary: new Float64Array((half + 1) * side) }
  for (let y = 0; y < side; y += 2) {
    const real = values.slice(y * side, (y + 1) * side)
    const imaginary = values.slice((y + 1) * side, (y + 2) * side)
    fourier.transform(real, imaginary)
    for (let v = 0; v <= half; v++) {
      const [opposite, to] = [(side - v) % side, v * side + y]
      columns.real[to] = ((real[v] as number) + (real[opposite] as number)) / 2
      columns.imaginary[to] = ((imaginary[v] as number) - (imaginary[opposite] as number)) / 2
      columns.real[to + 1] = ((imaginary[v] as number) + (imaginary[opposite] as number)) / 2
      columns.imaginary[to + 1] = ((real[opposite] as number) - (real[v] as number)) / 2
    }
  }
  return columns
}

/** The power is real and even, so the rows are real and come two at a time again, divided by their first value. */
function backRows({ real, imaginary }: Columns, lags: number): Float64Array {
  const rows = new Float64Array((lags + 2) * side)
  for (let y = 0; y <= lags; y += 2) {
    const one = rows.subarray(y * side, (y + 1) * side)
    const other = rows.subarray((y + 1) * side, (y + 2) * side)
    for (let v = 0; v < side; v++) {
      const isMirrored = v > half
      const from = (isMirrored ? side - v : v) * side + y
      const sign = isMirrored ? -1 : 1
      one[v] = (real[from] as number) - sign * (imaginary[from + 1] as number)
      other[v] = sign * (imaginary[from] as number) + (real[from + 1] as number)
    }
    fourier.transform(one, other)
  }
  const power = rows[0] as number
  return power === 0 ? rows : rows.map((value) => value / power)
}
