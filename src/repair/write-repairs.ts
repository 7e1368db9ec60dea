import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { extname, join, parse } from 'node:path'
import sharp from 'sharp'
import { decodeRgb, encodePng, type RgbImage } from '../artefact/png.ts'
import { supportedImages } from '../dataset/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { repairPage, type ShownPicture } from './page.ts'
import { countDecisions, type DetailPictures, type RepairCounts, type RepairedPicture } from './record.ts'

/** Where pictures were read from and where they go. */
export interface RepairPlaces {
  /** Files in the order of the pictures. */
  readonly files: readonly string[]
  /** The folder that gets the pictures, `repair.json`, `index.html`, and in `parts` what the page shows. */
  readonly folder: string
  /** What was looked for, in the plural, as in "hands". */
  readonly details: string
}

/**
 * Writes pictures after the loop: a file that was not changed as it was, byte by byte, another one as PNG with its
 * transparency. Names are those of the files, numbered where two would be the same.
 */
export class RepairWriter {
  readonly #places: RepairPlaces
  readonly #names = new Set<string>()
  readonly #shown: ShownPicture[] = []

  constructor(places: RepairPlaces) {
    this.#places = places
  }

  /** Writes one picture and what the page shows of it. */
  async add(index: number, picture: RepairedPicture): Promise<void> {
    const { folder, files } = this.#places
    const source = files[index] as string
    await mkdir(join(folder, 'parts'), { recursive: true })
    const changed = picture.record.changedPixels > 0
    const { name, ext } = parse(source)
    const file = this.#free(changed ? `${name}.png` : `${name}${ext}`)
    if (changed) await atomicWrite(join(folder, file), await withTransparency(source, picture.image as RgbImage))
    else await copyFile(source, join(folder, file))
    const parts = await Promise.all(
      picture.pictures.map((one, detail) => one && this.#saveParts(one, `${parse(file).name}-${detail}`)),
    )
    this.#shown.push({ file, record: picture.record, parts })
  }

  /** Pictures that were written. */
  get written(): number {
    return this.#shown.length
  }

  /** Writes the record and the page over all pictures that were written. */
  async finish(): Promise<RepairCounts> {
    const { folder, details } = this.#places
    const records = this.#shown.map(({ record }) => record)
    const counts = countDecisions(records)
    const pictures = this.#shown.map(({ file, record }) => ({ file, ...record }))
    await atomicWrite(join(folder, 'repair.json'), `${canonicalJson({ version: 1, counts, pictures })}\n`)
    await atomicWrite(join(folder, 'index.html'), repairPage(this.#shown, counts, details))
    return counts
  }

  async #saveParts(pictures: DetailPictures, name: string) {
    const save = async (kind: keyof DetailPictures): Promise<string> => {
      const file = `parts/${name}-${kind}.png`
      await atomicWrite(join(this.#places.folder, file), await encodePng(pictures[kind]))
      return file
    }
    return { before: await save('before'), template: await save('template'), after: await save('after') }
  }

  #free(wanted: string): string {
    const { name, ext } = parse(wanted)
    let free = wanted
    for (let i = 2; this.#names.has(free.toLowerCase()); i++) free = `${name}-${i}${ext}`
    this.#names.add(free.toLowerCase())
    return free
  }
}

/** Image files of a folder, in the order of their names. */
export async function pictureFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && supportedImages.has(extname(entry.name).toLowerCase()))
    .map(({ name }) => join(folder, name))
    .toSorted()
}

/**
 * The file with the pixels in which the picture differs from it. Where it was transparent and was repainted it no longer
 * is, for the base saw it on white.
 */
async function withTransparency(source: string, image: RgbImage): Promise<Buffer> {
  const { hasAlpha } = await sharp(source).metadata()
  if (!hasAlpha) return encodePng(image)
  const given = await decodeRgb(source)
  const { width, height } = image
  const own = await sharp(source).autoOrient().toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' }).toBuffer()
  for (let at = 0; at < width * height; at++) {
    const colours = image.pixels.subarray(3 * at, 3 * at + 3)
    if (colours.every((value, k) => value === given.pixels[3 * at + k])) continue
    own.set(colours, 4 * at)
    own[4 * at + 3] = 255
  }
  return sharp(own, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer()
}
