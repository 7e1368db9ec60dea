import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { unsupportedType } from './list-images.ts'
import type { DatasetProblem } from './problem.ts'

/** Pixels beyond which an image is refused before it is decoded, whatever its file's size. */
export const largestImage = 100_000_000
/** Shortest side of an image in pixels. */
export const smallestSide = 8
const largestFile = 256 * 1024 * 1024

const formats = new Set(['png', 'jpeg', 'webp'])

export interface ImageFacts {
  readonly sha256: string
  readonly width: number
  readonly height: number
}

/** Looks at image files and remembers those that have not changed since. */
export class ImageInspector {
  readonly #seen = new Map<string, { readonly stamp: string; readonly facts: ImageFacts }>()

  /** Size and hash of an image that was decoded to its end, or what is wrong with it. */
  async inspect(root: string, file: string): Promise<ImageFacts | DatasetProblem> {
    const path = join(root, file)
    try {
      const { size, mtimeNs, ino } = await stat(path, { bigint: true })
      const stamp = `${size} ${mtimeNs} ${ino}`
      const seen = this.#seen.get(path)
      if (seen?.stamp === stamp) return seen.facts
      if (size > largestFile) return tooLarge(file, `${Math.round(Number(size) / 2 ** 20)} MB`)
      const facts = await inspectBytes(file, await readFile(path))
      if ('sha256' in facts) this.#seen.set(path, { stamp, facts })
      return facts
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return { file, code: 'missing-image', message: 'does not exist; remove its entry or put the file back' }
      }
      return {
        file,
        code: 'unreadable-file',
        message: `cannot be read (${(error as Error).message}); make it readable`,
      }
    }
  }
}

async function inspectBytes(file: string, bytes: Buffer): Promise<ImageFacts | DatasetProblem> {
  if (bytes.length === 0) return broken(file, 'the file is empty')
  if (isPickle(bytes)) {
    return {
      file,
      code: 'pickled-file',
      message: 'is a pickle or an archive, not an image, whatever its name says; remove it',
    }
  }
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => null)
  if (header === null) return broken(file, 'it is not an image')
  const { format } = header
  const { width, height } = header.autoOrient
  if (!formats.has(format)) return unsupportedType(file)
  if (width * height > largestImage) return tooLarge(file, `${width}x${height} pixels`)
  if (Math.min(width, height) < smallestSide) {
    return {
      file,
      code: 'image-too-small',
      message: `is ${width}x${height} pixels; each side needs at least ${smallestSide}`,
    }
  }
  try {
    // Scaling while decoding keeps large pictures cheap; a file that was cut off still fails.
    await sharp(bytes, { failOn: 'truncated', limitInputPixels: largestImage })
      .resize(8, 8, { fit: 'fill' })
      .raw()
      .toBuffer()
  } catch (error) {
    return broken(file, (error as Error).message)
  }
  return { sha256: createHash('sha256').update(bytes).digest('hex'), width, height }
}

function isPickle(bytes: Buffer): boolean {
  const zip = bytes.subarray(0, 4).equals(Buffer.from('PK\x03\x04'))
  return zip || (bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5)
}

function broken(file: string, why: string): DatasetProblem {
  return { file, code: 'broken-image', message: `cannot be decoded (${why}); replace or remove it` }
}

function tooLarge(file: string, size: string): DatasetProblem {
  return {
    file,
    code: 'image-too-large',
    message: `is ${size}; at most ${largestImage / 1e6} million pixels are decoded. Scale it down`,
  }
}
