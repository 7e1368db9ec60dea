import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { atomicWrite } from '../util/atomic-write.ts'

/** How a file of a set came from the file that was fetched. */
export type ImageForm =
  /** The same bytes. */
  | 'original'
  /** Upright, 8 bits, sRGB, as a PNG: readers differ in what they make of tags, CMYK, profiles and deep colours. */
  | 'normalised'

/** Whether an image is shown right by a reader that knows nothing of orientation, CMYK, profiles and deep colours. */
export async function formOf(path: string): Promise<ImageForm> {
  const { orientation = 1, space, depth, icc } = await sharp(path).metadata()
  const isPlain = orientation === 1 && depth === 'uchar' && (space === 'srgb' || space === 'b-w')
  return isPlain && isStandardProfile(icc) ? 'original' : 'normalised'
}

/** Writes an image of a set whole. Rejects with the file system's error. */
export async function writeImage(from: string, to: string, form: ImageForm): Promise<void> {
  const bytes = await readFile(from)
  await atomicWrite(
    to,
    form === 'original' ? bytes : await sharp(bytes).autoOrient().toColourspace('srgb').png().toBuffer(),
  )
}

/** The description in a profile is text of one or two bytes a character. */
function isStandardProfile(profile: Buffer | undefined): boolean {
  return profile === undefined || profile.toString('latin1').replaceAll('\0', '').includes('sRGB')
}
