import sharp from 'sharp'
import { withPngTexts } from './png-text.ts'

/** Pixels of an image: RGB, row by row, 3 bytes each. */
export interface RgbImage {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
}

/** An image as PNG, without loss; `texts` are kept in the file by keyword. */
export async function encodePng(
  { pixels, width, height }: RgbImage,
  texts: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const image = sharp(pixels, { raw: { width, height, channels: 3 } }).png({ compressionLevel: 6 })
  return withPngTexts(await image.toBuffer(), texts)
}

/** Pixels of an image file, upright as its EXIF says; transparency is laid over white. Rejects when it cannot be decoded. */
export async function decodeRgb(source: string | Uint8Array): Promise<RgbImage> {
  const { data, info } = await sharp(source)
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { pixels: new Uint8Array(data), width: info.width, height: info.height }
}
