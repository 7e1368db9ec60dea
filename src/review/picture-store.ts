import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import type { BlobStore } from '../curation/blob-store.ts'
import { largestImage } from '../dataset/index.ts'
import { DatasetError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'

/** Longest side in pixels of what is shown. */
const sides = { thumbnail: 320, picture: 2048 } as const
const quality = { thumbnail: 80, picture: 92 } as const

/**
 * The pictures of a set for a browser: upright, sRGB, as JPEGs that hold nothing else, no name, place or date. Thumbnails
 * are made when they are first asked for and kept on the disk.
 */
export class PictureStore {
  readonly #blobs: BlobStore
  readonly #folder: string
  readonly #making = new Map<string, Promise<Buffer>>()

  /** @param folder where thumbnails are kept */
  constructor(blobs: BlobStore, folder: string) {
    this.#blobs = blobs
    this.#folder = folder
  }

  /** A picture no larger than 2048 pixels. Throws DatasetError (`lost-picture`). */
  picture(blob: string): Promise<Buffer> {
    return this.#reduce(blob, 'picture')
  }

  /** A picture no larger than 320 pixels. Throws DatasetError (`lost-picture`). */
  thumbnail(blob: string): Promise<Buffer> {
    const making = this.#making.get(blob) ?? this.#keptThumbnail(blob).finally(() => this.#making.delete(blob))
    this.#making.set(blob, making)
    return making
  }

  async #keptThumbnail(blob: string): Promise<Buffer> {
    const path = join(this.#folder, blob.slice(0, 2), `${blob}.jpg`)
    const known = await readFile(path).catch(() => null)
    if (known !== null) return known
    const made = await this.#reduce(blob, 'thumbnail')
    // A disk that is full takes nothing from who looks: the next one makes it again.
    await mkdir(dirname(path), { recursive: true })
      .then(() => atomicWrite(path, made))
      .catch(() => undefined)
    return made
  }

  async #reduce(blob: string, size: keyof typeof sides): Promise<Buffer> {
    const path = this.#blobs.path(blob)
    const side = sides[size]
    try {
      return await sharp(path, { limitInputPixels: largestImage })
        .autoOrient()
        .resize(side, side, { fit: 'inside', withoutEnlargement: true })
        .flatten({ background: '#fff' })
        .jpeg({ quality: quality[size] })
        .toBuffer()
    } catch (cause) {
      throw new DatasetError({
        code: 'lost-picture',
        message: `${path} is gone or broken. Restore the file, or drop the picture.`,
        facts: { path, blob },
        cause,
      })
    }
  }
}
