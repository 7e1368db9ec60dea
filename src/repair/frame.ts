import sharp from 'sharp'
import type { RgbImage } from '../artefact/png.ts'
import type { Box } from '../hands/index.ts'
import type { Frame } from './detail.ts'

const leastSide = 8

/**
 * The square around a box whose side is `context` times the box's longer one, in whole pixels: no larger than the picture's shorter side, unless the box is, and moved so that it lies inside
 * where it can. Along a side that is shorter than the frame it stays centred.
 */
export function frameWithin(box: Box, context: number, { width, height }: Pick<RgbImage, 'width' | 'height'>): Frame {
  const longer = Math.max(box.width, box.height)
  const within = Math.max(1, Math.min(context, Math.min(width, height) / longer))
  const { left, top, side } = frameAround(box, within)
  return { left: moved(left, side, width), top: moved(top, side, height), side }
}

function frameAround(box: Box, context: number): Frame {
  const side = Math.max(leastSide, Math.round(Math.max(box.width, box.height) * context))
  return {
    left: Math.round(box.left + box.width / 2 - side / 2),
    top: Math.round(box.top + box.height / 2 - side / 2),
    side,
  }
}

function moved(start: number, side: number, length: number): number {
  return side > length ? Math.round((length - side) / 2) : Math.min(Math.max(start, 0), length - side)
}

/** The pixels of a frame; beyond the picture's edge its outermost ones are repeated. */
export function cutFrame({ pixels, width, height }: RgbImage, { left, top, side }: Frame): RgbImage {
  const cut = new Uint8Array(side * side * 3)
  for (let y = 0; y < side; y++) {
    const row = clamp(top + y, height) * width
    for (let x = 0; x < side; x++) {
      const from = (row + clamp(left + x, width)) * 3
      cut.set(pixels.subarray(from, from + 3), (y * side + x) * 3)
    }
  }
  return { pixels: cut, width: side, height: side }
}

/** The picture with a frame's pixels in it; what of the frame lies beyond the picture is dropped. */
export function pasteFrame(picture: RgbImage, { left, top, side }: Frame, part: RgbImage): RgbImage {
  const { width, height } = picture
  const pixels = picture.pixels.slice()
  const [first, last] = [Math.max(0, -left), Math.min(side, width - left)]
  if (first >= last) return { pixels, width, height }
  for (let y = Math.max(0, -top); y < Math.min(side, height - top); y++) {
    const row = part.pixels.subarray((y * side + first) * 3, (y * side + last) * 3)
    pixels.set(row, ((top + y) * width + left + first) * 3)
  }
  return { pixels, width, height }
}

/** A square image in another size. */
export async function resizeSquare(image: RgbImage, side: number): Promise<RgbImage> {
  if (image.width === side && image.height === side) return image
  const { width, height } = image
  const scaled = sharp(image.pixels, { raw: { width, height, channels: 3 } }).resize(side, side, { kernel: 'lanczos3' })
  return { pixels: new Uint8Array(await scaled.raw().toBuffer()), width: side, height: side }
}

function clamp(at: number, length: number): number {
  return Math.min(Math.max(at, 0), length - 1)
}
