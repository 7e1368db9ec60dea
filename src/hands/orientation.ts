import type { Affine } from '../render/matrix.ts'

export type Point = readonly [number, number, number]

/** A rotation, and the scale that goes with it. */
export interface Alignment {
  /** No translation. */
  readonly rotation: Affine
  readonly scale: number
}

/**
 * The rotation and scale that bring points nearest to others, both about their centres: absolute orientation by unit
 * quaternions (Horn 1987). The quaternion is the eigenvector of the largest eigenvalue, found by repeated products.
 */
export function align(from: readonly Point[], to: readonly Point[]): Alignment {
  const [a, b] = [centred(from), centred(to)]
  const sum = (row: 0 | 1 | 2, column: 0 | 1 | 2): number =>
    a.reduce((all, point, i) => all + point[row] * (b[i] as Point)[column], 0)
  const [xx, xy, xz] = [sum(0, 0), sum(0, 1), sum(0, 2)]
  const [yx, yy, yz] = [sum(1, 0), sum(1, 1), sum(1, 2)]
  const [zx, zy, zz] = [sum(2, 0), sum(2, 1), sum(2, 2)]
  const matrix = [
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]
  const quaternion = largestEigenvector(matrix)
  const spread = a.reduce((all, [x, y, z]) => all + x * x + y * y + z * z, 0)
  const rotation = rotationOf(quaternion)
  const along = a.reduce((all, point, i) => all + dot(rotate(rotation, point), b[i] as Point), 0)
  return { rotation, scale: along / Math.max(spread, 1e-12) }
}

/** A point turned by a matrix, without its translation. */
export function rotate(m: Affine, [x, y, z]: Point): Point {
  const row = (r: number): number => (m[r] as number) * x + (m[r + 1] as number) * y + (m[r + 2] as number) * z
  return [row(0), row(4), row(8)]
}

function centred(points: readonly Point[]): Point[] {
  const centre = [0, 1, 2].map(
    (axis) => points.reduce((sum, point) => sum + (point[axis] as number), 0) / points.length,
  )
  return points.map(([x, y, z]) => [x - centre[0]!, y - centre[1]!, z - centre[2]!] as const)
}

function dot([a, b, c]: Point, [d, e, f]: Point): number {
  return a * d + b * e + c * f
}

/** Of a symmetric matrix whose eigenvalues a shift makes positive. */
function largestEigenvector(matrix: readonly (readonly number[])[]): number[] {
  const shift = Math.max(...matrix.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)))
  let vector = [1, 0.1, 0.2, 0.3]
  for (let i = 0; i < 200; i++) {
    const next = matrix.map((row, r) => row.reduce((sum, value, c) => sum + value * vector[c]!, shift * vector[r]!))
    const size = Math.hypot(...next) || 1
    vector = next.map((value) => value / size)
  }
  return vector
}

function rotationOf(quaternion: readonly number[]): Affine {
  const [w, x, y, z] = quaternion as [number, number, number, number]
  const rows = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), 0],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x), 0],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y), 0],
  ]
  return Float64Array.from(rows.flat())
}
