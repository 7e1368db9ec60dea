import { decodeRgb, type RgbImage } from '../artefact/png.ts'
import { type FindHandsInput, findHandsSettings } from '../config/hands.ts'
import { resolve } from '../config/resolve.ts'
import { DatasetError } from '../errors/index.ts'
import type { FoundHands } from './hand.ts'
import { askThread } from './thread.ts'

/** Whatever finds hands in pictures as {@link findHands} does may stand in its place. */
export type FindHands = (
  image: string | Uint8Array | RgbImage,
  options?: FindHandsInput,
  run?: { readonly signal?: AbortSignal | undefined },
) => Promise<FoundHands>

/**
 * Finds all hands in a picture, with 21 landmarks each, offline, by the models in `src/weights/hand-landmarks`: a
 * detector (SSD, after Victor Dibia's handtrack.js) and the lite landmark model of MediaPipe Hands (Zhang et al. 2020).
 * They run in a thread of their own, which the first call starts. The same picture gives the same hands.
 *
 * The picture is searched whole, and with `zoom` in tiles as well, where small hands are found, and strays too. Each
 * hand is looked at again in a crop that is turned so that it points up. A hand may reach beyond the edge; so may its
 * landmarks. What the detector takes for a hand and the landmark model does not is told as doubtful, as are given boxes
 * without a hand.
 *
 * Rejects with ConfigError, with DatasetError (`unreadable-image`), with WorkerError (`hand-models-failed`), or with the
 * signal's reason.
 *
 * @param image path or bytes of a JPEG, PNG or WebP, grey, with alpha (laid over white) or turned by EXIF; or pixels
 */
export const findHands: FindHands = async (image, options = {}, { signal } = {}) => {
  const settings = resolve(findHandsSettings, options, 'search for hands')
  signal?.throwIfAborted()
  return askThread(await readPicture(image), settings, signal)
}

async function readPicture(image: string | Uint8Array | RgbImage): Promise<RgbImage> {
  if (typeof image === 'string' || image instanceof Uint8Array) {
    try {
      return await decodeRgb(image)
    } catch (cause) {
      throw unreadable(typeof image === 'string' ? image : null, (cause as Error).message, cause)
    }
  }
  const { pixels, width, height } = image
  if (Number.isInteger(width) && Number.isInteger(height) && width > 0 && pixels.length === width * height * 3)
    return image
  throw unreadable(null, `${pixels.length} bytes are not ${width} times ${height} pixels of three bytes`)
}

function unreadable(path: string | null, reason: string, cause?: unknown): DatasetError {
  return new DatasetError({
    code: 'unreadable-image',
    message: `${path ?? 'The picture'} cannot be read (${reason}). Give a whole JPEG, PNG or WebP, or pixels in RGB.`,
    facts: { path, reason },
    cause,
  })
}
