/**
 * A mask that is white on another one and `rim` pixels around it, then falls evenly to black over as many. Distances are
 * those of steps to the eight neighbours (Borgefors 1986), which are at most 8 % longer than straight lines.
 *
 * @param mask a byte per pixel, 0 is outside
 */
export function softMask(mask: Uint8Array, width: number, height: number, rim: number): Uint8Array {
  if (rim === 0) return mask
  return Uint8Array.from(maskDistances(mask, width, height), (distance) =>
    Math.round(255 * Math.max(0, Math.min(1, 2 - distance / rim))),
  )
}

/** Distance of each pixel to the nearest one of a mask, in steps as above: once along the rows downwards, once back. */
export function maskDistances(mask: Uint8Array, width: number, height: number): Float32Array {
  const out = Float32Array.from(mask, (value) => (value > 0 ? 0 : Infinity))
  const last = out.length - 1
  for (const direction of [1, -1]) {
    for (let step = 0; step <= last; step++) {
      const at = direction === 1 ? step : last - step
      const [column, row] = [at % width, Math.floor(at / width)]
      for (const [dx, dy] of [
        [-1, 0],
        [-1, -1],
        [0, -1],
        [1, -1],
      ] as const) {
        const [x, y] = [column + dx * direction, row + dy * direction]
        if (x < 0 || y < 0 || x >= width || y >= height) continue
        out[at] = Math.min(out[at] as number, (out[y * width + x] as number) + Math.hypot(dx, dy))
      }
    }
  }
  return out
}
