import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { ArtefactError } from '../errors/index.ts'
import { RandomStream } from '../util/random.ts'
import { sha256 } from '../util/sha256.ts'
import type { RatedImage } from './protocol.ts'

/** Tiles a side that a broken image is cut into. */
const tilesASide = 6

/**
 * Pixels of a rated image as a PNG that holds nothing else: no text, name or date. `broken` shuffles its tiles, which
 * leaves colours and light alone and no hand whole. Throws ArtefactError when the study's file is not what it was when
 * the rating began (`rated-image-changed`).
 */
export async function showImage(folder: string, image: RatedImage, broken: boolean): Promise<Buffer> {
  const bytes = await readRatedFile(folder, image)
  return broken ? breakApart(bytes, image) : sharp(bytes).png().toBuffer()
}

/** Bytes of a rated image's file. Throws ArtefactError (`rated-image-changed`). */
export async function readRatedFile(folder: string, image: RatedImage): Promise<Buffer> {
  const path = join(folder, image.file)
  const bytes = await readFile(path).catch(() => null)
  if (bytes !== null && sha256(bytes) === image.sha256) return bytes
  throw new ArtefactError({
    code: 'rated-image-changed',
    message: `${path} is ${bytes === null ? 'gone' : 'another picture'} since the rating began. Restore the study's folder, or begin another rating with --name.`,
    facts: { path, sha256: image.sha256 },
  })
}

async function breakApart(bytes: Buffer, { seed, prompt }: RatedImage): Promise<Buffer> {
  const { data, info } = await sharp(bytes)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const [tileWidth, tileHeight] = [Math.floor(width / tilesASide), Math.floor(height / tilesASide)]
  const tiles = Array.from({ length: tilesASide ** 2 }, (_, i) => i)
  const sources = new RandomStream('broken-image', prompt, seed).shuffle(tiles)
  const shuffled = Buffer.from(data)
  sources.forEach((source, target) => {
    for (let line = 0; line < tileHeight; line++) {
      const from = byteOf(source, line)
      data.copy(shuffled, byteOf(target, line), from, from + tileWidth * channels)
    }
  })
  return sharp(shuffled, { raw: { width, height, channels } }).png().toBuffer()

  function byteOf(tile: number, line: number): number {
    const x = (tile % tilesASide) * tileWidth
    const y = Math.floor(tile / tilesASide) * tileHeight + line
    return (y * width + x) * channels
  }
}
