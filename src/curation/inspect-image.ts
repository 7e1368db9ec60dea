import sharp from 'sharp'
import { largestImage } from '../dataset/index.ts'
import type { ImageFacts, Quality } from '../ledger/index.ts'
import { contentOf, cropped, decodeWorkingImage, scoreImage, suspicionOf, type WorkingImage } from '../quality/index.ts'
import { hashedSquare, perceptualHashes } from './perceptual-hash.ts'
import { sniff } from './sniff.ts'

const read = new Set(['jpeg', 'png', 'webp'])

/** Raised whenever hashes, scores or suspicions of the same file become others, so that they are measured anew. */
export const measure = 1

/** What was seen of an image. */
export interface InspectedImage {
  readonly image: ImageFacts
  readonly quality: Quality
}

/**
 * Facts and scores of an image that was decoded to its end, upright and as sRGB whatever its colours; else the reason to
 * refuse it: `empty-file`, `not-an-image`, `file-type-…`, `broken-image`, `animated`, `too-many-pixels` (told before it is
 * decoded) or `too-small`. Its perceptual hash is that of what is inside of a frame, so that a copy in a white border is
 * found.
 *
 * @param smallestSide pixels that its shorter side has at least
 */
export async function inspectImage(bytes: Buffer, smallestSide: number): Promise<InspectedImage | string> {
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
  const picture = await decodeWorkingImage(bytes, { width, height }, largestImage).catch(() => null)
  if (picture === null) return 'broken-image'
  const facts = { format: type as ImageFacts['format'], size: bytes.length, width, height }
  return { image: { ...facts, ...hashesOf(picture) }, quality: qualityOf(picture) }
}

function hashesOf(picture: WorkingImage): Pick<ImageFacts, 'hash' | 'mirroredHash'> {
  return perceptualHashes(hashedSquare(cropped(picture, contentOf(picture))))
}

function qualityOf(picture: WorkingImage): Quality {
  const scores = scoreImage(picture)
  return { measure, scores, suspicion: suspicionOf(scores) }
}
