import sharp from 'sharp'
import { hashDistance, parseHash } from '../hash-index.ts'

const grid = 4

/** What of an image is compared with others to choose unlike ones. */
export interface Likeness {
  /** Perceptual hashes, 64 bits in hexadecimal, of the image and of its mirror image. */
  readonly hash: string
  readonly mirroredHash: string
  /** Mean red, green and blue of 4 by 4 fields, 0 to 255, row by row. */
  readonly colours: Uint8Array
}

/** Mean colours of 4 by 4 fields of an image file, upright. Rejects with what sharp rejects with. */
export function meanColours(path: string): Promise<Uint8Array> {
  return sharp(path)
    .autoOrient()
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .resize(grid, grid, { fit: 'fill' })
    .raw()
    .toBuffer()
}

/**
 * How unlike two images are, 0 to 2: the share of bits in which their perceptual hashes differ (either way round), which
 * tells shapes apart, and the root mean square of the differences of their fields' colours, as a share of the largest.
 */
export function unlikeness(a: Likeness, b: Likeness): number {
  const other = parseHash(b.hash)
  const bits = Math.min(...[a.hash, a.mirroredHash].map((own) => hashDistance(parseHash(own), other)))
  let squares = 0
  for (let i = 0; i < a.colours.length; i++) squares += ((a.colours[i] as number) - (b.colours[i] as number)) ** 2
  return bits / 64 + Math.sqrt(squares / a.colours.length) / 255
}
