/** Pixels of the picture that everything is measured on, about so many whatever the size of the file: 512 by 512. */
export const workingPixels = 512 * 512

/** No side of it is shorter, however long the other is. */
const shortestSide = 32

/** An upright picture of the working size. */
export interface WorkingImage {
  readonly width: number
  readonly height: number
  /** Three bytes per pixel, sRGB, row by row. */
  readonly rgb: Uint8Array
  /** Luma of each pixel, 0 to 255. */
  readonly grey: Uint8Array
}

/** A rectangle of pixels. */
export interface Area {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Width and height in pixels of the working image of a picture, of the same shape. */
export function workingSize(width: number, height: number): { readonly width: number; readonly height: number } {
  const scale = Math.sqrt(workingPixels / (width * height))
  const side = (length: number): number => {
    const scaled = Math.max(shortestSide, Math.round(length * scale))
    return Math.min(scaled, workingPixels / shortestSide)
  }
  return { width: side(width), height: side(height) }
}

/** A working image of its pixels, with their luma (ITU-R BT.601). */
export function workingImage(rgb: Uint8Array, { width, height }: { width: number; height: number }): WorkingImage {
  if (rgb.length !== width * height * 3)
    throw new RangeError(`${width} by ${height} pixels are ${width * height * 3} bytes, not ${rgb.length}`)
  const grey = new Uint8Array(width * height)
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    // 0.299, 0.587 and 0.114 in parts of 2^16.
    const luma = 19595 * (rgb[at] as number) + 38470 * (rgb[at + 1] as number) + 7471 * (rgb[at + 2] as number)
    grey[i] = (luma + 32768) >>> 16
  }
  return { width, height, rgb, grey }
}

/** A part of a working image. */
export function cropped(image: WorkingImage, { left, top, width, height }: Area): WorkingImage {
  if (width === image.width && height === image.height) return image
  const rgb = new Uint8Array(width * height * 3)
  const grey = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const from = (top + y) * image.width + left
    grey.set(image.grey.subarray(from, from + width), y * width)
    rgb.set(image.rgb.subarray(from * 3, (from + width) * 3), y * width * 3)
  }
  return { width, height, rgb, grey }
}
