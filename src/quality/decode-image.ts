import sharp from 'sharp'
import { type WorkingImage, workingImage, workingSize } from './working-image.ts'

/**
 * Decodes a picture at the working size: upright, sRGB, on white where it is transparent. Scaling while decoding keeps large
 * ones cheap, and a file that was cut off still fails. Rejects with the decoder's error.
 *
 * @param size of the picture in pixels, upright
 * @param mostPixels of a picture that is decoded at all
 */
export async function decodeWorkingImage(
  bytes: Buffer,
  size: { readonly width: number; readonly height: number },
  mostPixels: number,
): Promise<WorkingImage> {
  const { width, height } = workingSize(size.width, size.height)
  const rgb = await sharp(bytes, { failOn: 'truncated', limitInputPixels: mostPixels })
    .autoOrient()
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .resize(width, height, { fit: 'fill' })
    .removeAlpha()
    .raw()
    .toBuffer()
  return workingImage(rgb, { width, height })
}
