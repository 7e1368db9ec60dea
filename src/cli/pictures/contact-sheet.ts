import sharp from 'sharp'
import type { RgbImage } from '../../artefact/png.ts'

/** Narrower than this, nobody counts fingers. */
const leastColumns = 24
const mostColumns = 40

/** Pictures side by side, with how wide they are shown. */
export interface ContactSheet extends RgbImage {
  /** Characters of the terminal. */
  readonly columns: number
}

/**
 * Pictures in rows that fit a terminal, each 24 to 40 characters wide, in their order.
 *
 * @param columns width of the terminal in characters
 * @param columnPixels pixels of the sheet in a character's width
 */
export async function contactSheet(
  pictures: readonly RgbImage[],
  columns: number,
  columnPixels: number,
): Promise<ContactSheet> {
  const perRow = Math.max(1, Math.min(pictures.length, Math.floor((columns + 1) / (leastColumns + 1))))
  const tileColumns = Math.max(1, Math.min(mostColumns, Math.floor((columns + 1) / perRow) - 1))
  const side = tileColumns * columnPixels
  const gap = columnPixels
  const tiles = await Promise.all(pictures.map((picture) => scaled(picture, side)))
  const rows = Array.from({ length: Math.ceil(tiles.length / perRow) }, (_, i) =>
    tiles.slice(i * perRow, (i + 1) * perRow),
  )
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height)))
  const width = perRow * side + (perRow - 1) * gap
  const height = heights.reduce((sum, one) => sum + one, 0) + (rows.length - 1) * gap
  const placed = rows.flatMap((row, i) => {
    const top = heights.slice(0, i).reduce((sum, one) => sum + one + gap, 0)
    return row.map(({ data, height: tall }, j) => ({
      input: data,
      raw: { width: side, height: tall, channels: 3 as const },
      left: j * (side + gap),
      top,
    }))
  })
  const pixels = await sharp({ create: { width, height, channels: 3, background: 'black' } })
    .composite(placed)
    .removeAlpha()
    .raw()
    .toBuffer()
  return { pixels, width, height, columns: perRow * (tileColumns + 1) - 1 }
}

async function scaled({ pixels, width, height }: RgbImage, side: number): Promise<{ data: Buffer; height: number }> {
  const { data, info } = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize({ width: side })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data, height: info.height }
}
