/** Affine 3x4 matrix, row-major: twelve numbers, rows of (rotation and scale | translation). */
export type Affine = Float64Array

export function identity(): Affine {
  return Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
}

/** Reads one column-major 4x4 glTF matrix at `offset`. */
export function affineFromColumns(values: ArrayLike<number>, offset: number): Affine {
  const out = new Float64Array(12)
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 4; column++) out[row * 4 + column] = values[offset + column * 4 + row] ?? 0
  }
  return out
}

/** a · b: first b, then a. */
export function multiply(a: Affine, b: Affine): Affine {
  const out = new Float64Array(12)
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 4; column++) {
      let sum = column === 3 ? (a[row * 4 + 3] as number) : 0
      for (let k = 0; k < 3; k++) sum += (a[row * 4 + k] as number) * (b[k * 4 + column] as number)
      out[row * 4 + column] = sum
    }
  }
  return out
}

/** Inverse by the adjugate. Throws RangeError for a singular matrix. */
export function invert(m: Affine): Affine {
  const [a, b, c, tx, d, e, f, ty, g, h, i, tz] = m as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const A = e * i - f * h
  const B = f * g - d * i
  const C = d * h - e * g
  const determinant = a * A + b * B + c * C
  if (determinant === 0) throw new RangeError('a singular matrix has no inverse')
  const s = 1 / determinant
  const r = [A * s, (c * h - b * i) * s, (b * f - c * e) * s, B * s, (a * i - c * g) * s, (c * d - a * f) * s]
  r.push(C * s, (b * g - a * h) * s, (a * e - b * d) * s)
  const [r0, r1, r2, r3, r4, r5, r6, r7, r8] = r as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return Float64Array.of(
    r0,
    r1,
    r2,
    -(r0 * tx + r1 * ty + r2 * tz),
    r3,
    r4,
    r5,
    -(r3 * tx + r4 * ty + r5 * tz),
    r6,
    r7,
    r8,
    -(r6 * tx + r7 * ty + r8 * tz),
  )
}

/** Rotation by degrees about x, then y, then z (matrix Rz · Ry · Rx). */
export function rotationXYZ(xDegrees: number, yDegrees: number, zDegrees: number): Affine {
  const [sx, cx] = sineCosine(xDegrees)
  const [sy, cy] = sineCosine(yDegrees)
  const [sz, cz] = sineCosine(zDegrees)
  return Float64Array.of(
    cz * cy,
    cz * sy * sx - sz * cx,
    cz * sy * cx + sz * sx,
    0,
    sz * cy,
    sz * sy * sx + cz * cx,
    sz * sy * cx - cz * sx,
    0,
    -sy,
    cy * sx,
    cy * cx,
    0,
  )
}

export function translation(x: number, y: number, z: number): Affine {
  return Float64Array.of(1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z)
}

export function scaling(x: number, y: number, z: number): Affine {
  return Float64Array.of(x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0)
}

function sineCosine(degrees: number): [number, number] {
  const radians = (degrees * Math.PI) / 180
  return [Math.sin(radians), Math.cos(radians)]
}
