import type { WorkingImage } from './working-image.ts'

const side = 8
const flatRange = 2

/**
 * Share of the 8 by 8 blocks whose luma spans at most 2 levels, 0 to 1. Photographs have noise nearly everywhere, clip-art
 * has areas of one colour (after Lienhart and Hartmann 2002, "Classifying images on the web automatically").
 */
export function flatArea({ grey, width, height }: Pick<WorkingImage, 'grey' | 'width' | 'height'>): number {
  const [columns, rows] = [Math.floor(width / side), Math.floor(height / side)]
  let flat = 0
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) if (isFlat(grey, row * side * width + column * side, width)) flat++
  return flat / (columns * rows)
}

function isFlat(grey: Uint8Array, corner: number, width: number): boolean {
  let [low, high] = [255, 0]
  for (let y = 0; y < side; y++) {
    for (let at = corner + y * width, end = at + side; at < end; at++) {
      const value = grey[at] as number
      if (value < low) low = value
      if (value > high) high = value
    }
    if (high - low > flatRange) return false
  }
  return true
}
