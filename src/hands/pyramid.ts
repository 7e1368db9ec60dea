import type { RgbImage } from '../artefact/png.ts'
import { type Crop, fromCrop } from './crop.ts'

/** A picture and its halves, each a mean over 2 by 2 pixels of the one before, down to a few pixels. */
export type Pyramid = readonly RgbImage[]

/** Halves a picture until its shorter side would be less than 8 pixels. */
export function buildPyramid(picture: RgbImage): Pyramid {
  const levels = [picture]
  for (let last = picture; Math.min(last.width, last.height) >= 16; ) {
    last = halved(last)
    levels.push(last)
  }
  return levels
}

/**
 * A crop scaled to `side` pixels, three bytes per pixel: bilinear from the level whose pixels are nearest to the wanted
 * ones and not larger, so that shrinking does not skip pixels. Beyond the picture is black, as the models were taught.
 */
export function readCrop(pyramid: Pyramid, crop: Crop, side: number): Uint8Array {
  const shrink = Math.max(1, crop.side / side)
  const level = Math.min(pyramid.length - 1, Math.floor(Math.log2(shrink)))
  const picture = pyramid[level] as RgbImage
  const scale = 2 ** -level
  const out = new Uint8Array(side * side * 3)
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = fromCrop(crop, (column + 0.5) / side, (row + 0.5) / side)
      blend(picture, x * scale - 0.5, y * scale - 0.5, out, (row * side + column) * 3)
    }
  }
  return out
}

function blend({ pixels, width, height }: RgbImage, x: number, y: number, out: Uint8Array, at: number): void {
  const [left, top] = [Math.floor(x), Math.floor(y)]
  if (left < -1 || top < -1 || left >= width || top >= height) return
  const [right, below] = [x - left, y - top]
  for (let k = 0; k < 3; k++) {
    const pixel = (column: number, row: number): number =>
      column < 0 || row < 0 || column >= width || row >= height ? 0 : (pixels[(row * width + column) * 3 + k] as number)
    const upper = pixel(left, top) * (1 - right) + pixel(left + 1, top) * right
    const lower = pixel(left, top + 1) * (1 - right) + pixel(left + 1, top + 1) * right
    out[at + k] = Math.round(upper * (1 - below) + lower * below)
  }
}

/** A last odd row or column is left out. */
function halved({ pixels, width, height }: RgbImage): RgbImage {
  const half = { width: width >> 1, height: height >> 1 }
  const out = new Uint8Array(half.width * half.height * 3)
  for (let y = 0; y < half.height; y++) {
    for (let x = 0; x < half.width; x++) {
      const from = (2 * y * width + 2 * x) * 3
      const to = (y * half.width + x) * 3
      for (let k = 0; k < 3; k++) {
        const upper = (pixels[from + k] as number) + (pixels[from + 3 + k] as number)
        const lower = (pixels[from + width * 3 + k] as number) + (pixels[from + width * 3 + 3 + k] as number)
        out[to + k] = (upper + lower + 2) >> 2
      }
    }
  }
  return { pixels: out, ...half }
}
