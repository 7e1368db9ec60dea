import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import readExif from 'exif-reader'
import sharp from 'sharp'
import { datasetError, type Listing, listImages } from '../dataset/index.ts'
import { type Candidate, type CandidateInput, candidate } from '../ledger/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { sha256 } from '../util/sha256.ts'
import { checkLimit, type ImageSource, type SearchOptions } from './image-source.ts'

/**
 * A folder of images in the order of their names, taken whole. Captions are those of a dataset (a text file of the same
 * name, `metadata.jsonl`), else the description in the image's EXIF, else the name of its sub-folder; EXIF's artist and
 * copyright become creator and attribution. Throws DatasetError (`missing-dataset`, `invalid-dataset`).
 */
export async function folderSource(folder: string): Promise<ImageSource> {
  const listing = await listImages(folder)
  // What the pipeline cannot read is its matter: it refuses each with a reason.
  const others = listing.problems.filter(({ code }) => code === 'unsupported-type')
  const problems = listing.problems.filter((problem) => !others.includes(problem))
  if (problems.length > 0) throw datasetError(listing.root, problems)
  const files = [
    ...listing.images.map(({ file, caption, captionSource }) => ({ file, caption, captionSource })),
    ...others.map(({ file }) => ({ file, caption: '', captionSource: 'folder' as const })),
  ].sort((a, b) => (a.file < b.file ? -1 : 1))
  return {
    name: `folder:${basename(listing.root)}@${await contentName(listing, files)}`,
    takesQueries: false,
    ends: null,
    async *search(_query: string, options: SearchOptions): AsyncGenerator<Candidate> {
      for (const [i, file] of files.slice(0, checkLimit(options)).entries()) {
        options.signal.throwIfAborted()
        yield candidate.parse({ rank: i + 1, ...(await factsOf(listing.root, file)) })
      }
    },
  }
}

type ListedFile = Pick<Listing['images'][number], 'file' | 'caption' | 'captionSource'>

/** Another one when files came, went, grew or got other captions. */
async function contentName(listing: Listing, files: readonly ListedFile[]): Promise<string> {
  const sizes = await Promise.all(files.map(async ({ file }) => (await stat(join(listing.root, file))).size))
  return sha256(canonicalJson(files.map((file, i) => ({ ...file, size: sizes[i] })))).slice(0, 12)
}

async function factsOf(root: string, { file, caption, captionSource }: ListedFile) {
  const path = join(root, file)
  const header = await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch(() => null)
  const { description, artist, copyright } = exifOf(header?.exif)
  const own = captionSource === 'sidecar' || description === null
  const facts: Omit<CandidateInput, 'rank'> = {
    url: pathToFileURL(path).href,
    creator: artist,
    attribution: copyright,
    ...(own ? { caption, captionSource } : { caption: description, captionSource: 'description' }),
    width: header?.width ?? null,
    height: header?.height ?? null,
  }
  return facts.caption === '' ? { ...facts, captionSource: 'none' as const } : facts
}

/** A block that is broken says nothing; the image itself may still be whole. */
function exifOf(block: Buffer | undefined) {
  const none = { description: null, artist: null, copyright: null }
  if (block === undefined) return none
  try {
    const { ImageDescription, Artist, Copyright } = readExif(block).Image ?? {}
    return { description: textOf(ImageDescription), artist: textOf(Artist), copyright: textOf(Copyright) }
  } catch {
    return none
  }
}

function textOf(value: unknown): string | null {
  const text = typeof value === 'string' ? value.replaceAll('\0', ' ').trim().slice(0, 8192) : ''
  return text === '' ? null : text.toWellFormed()
}
