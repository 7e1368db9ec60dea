import { readFile } from 'node:fs/promises'
import { decodeRgb, type RgbImage } from '../../artefact/png.ts'
import { ConfigError } from '../../errors/index.ts'

/** What can be shown: pixels, an encoded file's bytes, its path, or a list of these. */
export type Shown = RgbImage | Uint8Array | string | readonly (RgbImage | Uint8Array | string)[]

/** Whether a value is a picture, or a list of nothing else, by its pixels. */
export function isPictures(value: unknown): value is RgbImage | readonly RgbImage[] {
  if (Array.isArray(value)) return value.length > 0 && value.every(isPicture)
  return isPicture(value)
}

function isPicture(value: unknown): value is RgbImage {
  if (typeof value !== 'object' || value === null) return false
  const { pixels, width, height } = value as Record<string, unknown>
  return pixels instanceof Uint8Array && typeof width === 'number' && typeof height === 'number'
}

/** Pixels of what is to be shown. Throws ConfigError (`no-picture`). */
export async function picturesOf(shown: Shown): Promise<RgbImage[]> {
  const list = Array.isArray(shown) ? shown : [shown]
  return Promise.all(list.map(pictureOf))
}

async function pictureOf(shown: unknown): Promise<RgbImage> {
  if (isPicture(shown)) return shown
  if (typeof shown === 'string') return decodeRgb(await readFile(shown))
  if (shown instanceof Uint8Array) return decodeRgb(shown)
  throw new ConfigError({
    code: 'no-picture',
    message:
      'Only pictures can be shown: what lab.sample gives, the path of an image file, its bytes, or a list of these.',
    facts: { type: typeof shown },
  })
}
