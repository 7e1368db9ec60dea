import { constants, copyFile } from 'node:fs/promises'
import sharp from 'sharp'

/** How a file of the set came from the file that was fetched. */
export type ImageForm =
  /** The same bytes. */
  | 'original'
  /** Upright, 8 bits, sRGB, as a PNG: readers differ in what they make of tags, CMYK and deep colours. */
  | 'normalised'

/** Whether an image is shown right by a reader that knows nothing of orientation, CMYK, profiles and deep colours. */
export async function formOf(path: string): Promise<ImageForm> {
  const { orientation = 1, space, depth, hasProfile } = await sharp(path).metadata()
  const isPlain = orientation === 1 && depth === 'uchar' && (space === 'srgb' || space === 'b-w')
  return isPlain && !hasProfile ? 'original' : 'normalised'
}

/** Writes an image of a set. Rejects with the file system's error. */
export async function writeImage(from: string, to: string, form: ImageForm): Promise<void> {
  if (form === 'original') await copyFile(from, to, constants.COPYFILE_FICLONE)
  else await sharp(from).autoOrient().toColourspace('srgb').png().toFile(to)
}
