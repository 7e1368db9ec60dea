import { areaSum, areaSums } from './area-sums.ts'
import type { WorkingImage } from './working-image.ts'

type Grey = Pick<WorkingImage, 'grey' | 'width' | 'height'>

/** Levels of luma between the pixels left and right of one that is the side of a stroke. */
const leastStep = 14
/** Pixels within which one side of a stroke follows the other. */
const widestStroke = 16
/** Heights in pixels of the lines of text that are looked for. */
const lineHeights = [8, 12, 18, 27, 40]
/** Width of the piece of a line that is looked at, in its heights. */
const pieceWidth = 5

/**
 * How much a line of text stands out, 0 to 1 and seldom above 0.4: the share of pixels at which a side of a stroke follows
 * an opposite one, where that of a piece of a line exceeds those above and below it most. Text has many sides of strokes
 * and none beside it, whereas a texture goes on (after Wong and Chen 2003, "A new robust algorithm for video text
 * extraction").
 */
export function textOverlay(image: Grey): number {
  const { width, height } = image
  const sums = areaSums(strokeSides(image), width, height)
  let best = 0
  for (const line of lineHeights) {
    const [piece, gap, beside] = [Math.min(width, line * pieceWidth), Math.max(2, line >> 2), Math.max(3, line >> 1)]
    for (let y = beside + gap; y + line + gap + beside <= height; y += line >> 2) {
      for (let x = 0; x + piece <= width; x += piece >> 2) {
        const inside = areaSum(sums, width, x, y, piece, line) / (piece * line)
        if (inside <= best) continue
        const above = areaSum(sums, width, x, y - gap - beside, piece, beside)
        const below = areaSum(sums, width, x, y + line + gap, piece, beside)
        best = Math.max(best, inside - Math.max(above, below) / (piece * beside))
      }
    }
  }
  return best
}

/** 1 where a strong step in a row follows an opposite one. */
function strokeSides({ grey, width, height }: Grey): Uint8Array {
  const sides = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    let lastStep = 0
    let last = 0
    for (let at = y * width + 1, end = at + width - 2; at < end; at++) {
      const step = (grey[at + 1] as number) - (grey[at - 1] as number)
      if (step < leastStep && step > -leastStep) continue
      if (step * lastStep < 0 && at - last <= widestStroke) sides[at] = 1
      lastStep = step
      last = at
    }
  }
  return sides
}
