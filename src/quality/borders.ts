import type { Area, WorkingImage } from './working-image.ts'

/** Levels by which the luma of a frame strays at most, and the share of a line that may stray more. */
const [tolerance, strayShare] = [10, 0.01]
/** A picture that would lose more than this share of a side has no frame; its subject stands on a plain ground. */
const mostTrimmed = 0.75

/**
 * The picture without its frame: on each side the lines of one tone that follow each other from the edge, as those of a
 * white border or of a letter box. A picture of which too little would be left is given whole.
 */
export function contentOf({ grey, width, height }: Pick<WorkingImage, 'grey' | 'width' | 'height'>): Area {
  const isPlainRow = (y: number, tone: number): boolean => isPlain(grey, y * width, 1, width, tone)
  const top = countPlain(height, (i, tone) => isPlainRow(i, tone), grey[width >> 1] as number)
  const bottom = countPlain(
    height - top,
    (i, tone) => isPlainRow(height - 1 - i, tone),
    grey[(height - 1) * width + (width >> 1)] as number,
  )
  const rows = height - top - bottom
  const isPlainColumn = (x: number, tone: number): boolean => isPlain(grey, top * width + x, width, rows, tone)
  const middle = (top + (rows >> 1)) * width
  const left = countPlain(width, (i, tone) => isPlainColumn(i, tone), grey[middle] as number)
  const right = countPlain(
    width - left,
    (i, tone) => isPlainColumn(width - 1 - i, tone),
    grey[middle + width - 1] as number,
  )
  const columns = width - left - right
  return rows < height * (1 - mostTrimmed) || columns < width * (1 - mostTrimmed)
    ? { left: 0, top: 0, width, height }
    : { left, top, width: columns, height: rows }
}

/** Share of the picture's area that its frame takes, 0 to 1: a uniform border or the bars of a letter box. */
export function borders(image: Pick<WorkingImage, 'width' | 'height'>, content: Area): number {
  return 1 - (content.width * content.height) / (image.width * image.height)
}

function countPlain(most: number, isPlainLine: (i: number, tone: number) => boolean, tone: number): number {
  let count = 0
  while (count < most && isPlainLine(count, tone)) count++
  return count
}

function isPlain(grey: Uint8Array, start: number, step: number, count: number, tone: number): boolean {
  let stray = Math.floor(count * strayShare)
  for (let i = 0, at = start; i < count; i++, at += step)
    if (Math.abs((grey[at] as number) - tone) > tolerance && --stray < 0) return false
  return true
}
