import sharp from 'sharp'
import { largestImage } from '../dataset/index.ts'
import type { ImageFacts } from '../ledger/index.ts'
import { hashedSide, perceptualHashes } from './perceptual-hash.ts'
import { sniff } from './sniff.ts'

const read = new Set(['jpeg', 'png', 'webp'])

/**
 * Facts of an image that was decoded to its end, upright and as sRGB whatever its colours; else the reason to refuse it:
 * `empty-file`, `not-an-image`, `file-type-…`, `broken-image`, `animated`, `too-many-pixels` (told before it is
 * decoded) or `too-small`.
 *
 * @param smallestSide pixels that its shorter side has at least
 */
export async function inspectImage(bytes: Buffer, smallestSide: number): Promise<ImageFacts | string> {
  if (bytes.length === 0) return 'empty-file'
  const type = sniff(bytes)
  if (type === null) return 'not-an-image'
  if (!read.has(type)) return `file-type-${type}`
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => null)
  if (header === null || header.format !== type) return 'broken-image'
  if ((header.pages ?? 1) > 1) return 'animated'
  const { width, height } = header.autoOrient
  if (width * height > largestImage) return 'too-many-pixels'
  if (Math.min(width, height) < smallestSide) return 'too-small'
  const grey = await greySquare(bytes).catch(() => null)
  if (grey === null) return 'broken-image'
  return { format: type as ImageFacts['format'], size: bytes.length, width, height, ...perceptualHashes(grey) }
}

/** Scaling while decoding keeps large pictures cheap; a file that was cut off still fails. */
function greySquare(bytes: Buffer): Promise<Buffer> {
  return sharp(bytes, { failOn: 'truncated', limitInputPixels: largestImage })
    .autoOrient()
    .flatten({ background: '#fff' })
    .toColourspace('b-w')
    .resize(hashedSide, hashedSide, { fit: 'fill' })
    .raw()
    .toBuffer()
}
