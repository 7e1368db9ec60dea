/**
 * Sums of all values above and to the left of each corner between pixels, `width + 1` a row, from which that of any
 * rectangle follows (Crow 1984, "Summed-area tables for texture mapping").
 */
export function areaSums(values: Uint8Array | Uint16Array, width: number, height: number): Uint32Array {
  const stride = width + 1
  const sums = new Uint32Array(stride * (height + 1))
  for (let y = 0; y < height; y++) {
    let row = 0
    for (let x = 0, from = y * width, to = (y + 1) * stride + 1; x < width; x++, from++, to++) {
      row += values[from] as number
      sums[to] = (sums[to - stride] as number) + row
    }
  }
  return sums
}

/** Sum of the values in a rectangle of pixels. `width` is that of the picture. */
export function areaSum(
  sums: Uint32Array,
  width: number,
  left: number,
  top: number,
  columns: number,
  rows: number,
): number {
  const above = top * (width + 1) + left
  const below = above + rows * (width + 1)
  return (
    (sums[below + columns] as number) -
    (sums[below] as number) -
    (sums[above + columns] as number) +
    (sums[above] as number)
  )
}
