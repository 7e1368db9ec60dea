import { areaSum, areaSums } from './area-sums.ts'
import { autocorrelation, correlatedSide } from './autocorrelation.ts'
import type { WorkingImage } from './working-image.ts'

type Grey = Pick<WorkingImage, 'grey' | 'width' | 'height'>

const side = correlatedSide
/** Pixels on each side of one whose mean is taken from it, and the levels that are left of it at most. */
const [surroundings, mostLevels] = [4, 4]
/** Least and greatest distance of a copy in pixels of the picture of half the size. */
const [nearest, farthest] = [14, 112]
/** Distance in pixels at which a copy is no more like itself. */
const besidePeak = 5

/**
 * How like a picture is to itself moved to somewhere else, above how like it is to itself moved beside there, 0 to 1: the
 * highest peak of the autocorrelation at 28 to 224 pixels of the working image, as tiled watermarks have (after Lin, Wang
 * and Yang 1997, "Extracting periodicity of a regular texture based on autocorrelation functions"). It is taken of the
 * middle of the picture at half the size, of what differs from its surroundings, and by at most 4 levels, so that faint
 * marks count as much as strong edges.
 */
export function repeatedPattern(image: Grey): number {
  const likeness = autocorrelation(residueOf(image), farthest + besidePeak)
  const at = (x: number, y: number): number => likeness[Math.abs(y) * side + ((y < 0 ? -x : x) & (side - 1))] as number
  let best = 0
  for (let y = 0; y <= farthest; y++) {
    for (let x = -farthest; x <= farthest; x++) {
      const value = at(x, y)
      const distance = x * x + y * y
      if (value <= best || distance < nearest ** 2 || distance > farthest ** 2) continue
      const beside = Math.max(
        at(x - besidePeak, y),
        at(x + besidePeak, y),
        at(x, y - besidePeak),
        at(x, y + besidePeak),
      )
      best = Math.max(best, value - beside)
    }
  }
  return best
}

/** What differs from its surroundings, in a square with zeros around a smaller picture. */
function residueOf(image: Grey): Float64Array {
  const { values, columns, rows } = halved(image)
  const sums = areaSums(values, columns, rows)
  const residue = new Float64Array(side * side)
  for (let y = 0; y < rows; y++) {
    const [top, bottom] = [Math.max(0, y - surroundings), Math.min(rows, y + surroundings + 1)]
    for (let x = 0; x < columns; x++) {
      const [left, right] = [Math.max(0, x - surroundings), Math.min(columns, x + surroundings + 1)]
      const mean = areaSum(sums, columns, left, top, right - left, bottom - top) / ((right - left) * (bottom - top))
      // The values are sums of four pixels.
      const levels = ((values[y * columns + x] as number) - mean) / 4
      residue[y * side + x] = Math.max(-mostLevels, Math.min(mostLevels, levels))
    }
  }
  return residue
}

/** Sums of 2 by 2 pixels, of the middle of the picture where it is larger than the square. */
function halved({ grey, width, height }: Grey): { values: Uint16Array; columns: number; rows: number } {
  const [columns, rows] = [Math.min(side, width >> 1), Math.min(side, height >> 1)]
  const corner = ((height >> 1) - rows) * width + (width >> 1) - columns
  const values = new Uint16Array(columns * rows)
  for (let y = 0; y < rows; y++) {
    for (let x = 0, at = corner + 2 * y * width; x < columns; x++, at += 2)
      values[y * columns + x] =
        (grey[at] as number) +
        (grey[at + 1] as number) +
        (grey[at + width] as number) +
        (grey[at + width + 1] as number)
  }
  return { values, columns, rows }
}
