import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, posix, resolve } from 'node:path'
import { DatasetError } from '../errors/index.ts'
import { readCaptionFile } from './caption-file.ts'
import { readMetadata } from './metadata-file.ts'
import type { DatasetProblem } from './problem.ts'

/** An image that a folder names, before anybody looked at it. */
export interface ListedImage {
  /** Relative to the dataset's folder, with slashes. */
  readonly file: string
  readonly caption: string
  /** Whether a text wrote the caption, or the name of the folder did. */
  readonly captionSource: 'sidecar' | 'folder'
  readonly fingers: number | null
  readonly defect: boolean | null
  /** Of the picture that controls it, beside `file`. */
  readonly control: string | null
  /** Of its mask, beside `file`. */
  readonly mask: string | null
  /** How often it is trained on in an epoch. */
  readonly repeats: number
}

/** What a folder holds. */
export interface Listing {
  readonly root: string
  readonly images: readonly ListedImage[]
  readonly problems: readonly DatasetProblem[]
}

/** What a folder says of its images. */
export const metadataFile = 'metadata.jsonl'
/** Extensions of the images that are read. */
export const supportedImages: ReadonlySet<string> = new Set(['.png', '.jpg', '.jpeg', '.webp'])
const unsupported = new Set([
  '.bmp',
  '.gif',
  '.tif',
  '.tiff',
  '.heic',
  '.heif',
  '.avif',
  '.svg',
  '.psd',
  '.jp2',
  '.ico',
  '.dng',
  '.cr2',
  '.nef',
])

/**
 * Lists the images of a folder in the order of their names: those of its `metadata.jsonl`, or all in it and its
 * sub-folders, captioned by a text file of the same name or else by the sub-folder. Where all lie in folders like
 * `10_palm`, these are sd-scripts' and say how often each image is repeated.
 * Throws DatasetError (`missing-dataset`).
 */
export async function listImages(path: string): Promise<Listing> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new DatasetError({
      code: 'missing-dataset',
      message: `${resolve(path)} does not exist. Name a folder of images, or the metadata.jsonl in it.`,
      facts: { path },
      cause,
    })
  })
  if (found.isFile()) return listMetadata(dirname(resolve(path)), basename(path))
  const root = resolve(path)
  const files = await listFiles(root)
  if (files.includes(metadataFile)) return listMetadata(root, metadataFile)
  return listFolder(root, files)
}

async function listMetadata(root: string, name: string): Promise<Listing> {
  const { rows, problems } = await readMetadata(root, name)
  const images = rows.map(({ file_name, text, fingers, defect, control, mask, repeats }) => ({
    file: file_name,
    caption: text,
    captionSource: 'sidecar' as const,
    fingers,
    defect,
    control,
    mask,
    repeats,
  }))
  return { root, images: images.sort(byFile), problems }
}

async function listFolder(root: string, files: readonly string[]): Promise<Listing> {
  const problems: DatasetProblem[] = []
  const images: ListedImage[] = []
  const known = new Set(files)
  const texts = new Set(files.filter((file) => file.endsWith('.txt')))
  const repeated = isKohyaFolder(files)
  for (const file of files) {
    const extension = extname(file).toLowerCase()
    if (unsupported.has(extension)) problems.push(unsupportedType(file))
    if (!supportedImages.has(extension) || isPicture(file)) continue
    const text = `${file.slice(0, -extension.length)}.txt`
    const captionSource = texts.has(text) ? 'sidecar' : 'folder'
    const named = repeated ? repeatsOf(file) : { repeats: 1, caption: classCaption(file) }
    const caption = captionSource === 'sidecar' ? await readCaptionFile(root, text) : named.caption
    if (typeof caption !== 'string') problems.push(caption)
    else {
      const { repeats } = named
      images.push({ file, caption, captionSource, fingers: null, defect: null, ...picturesOf(file, known), repeats })
    }
  }
  return { root, images: images.sort(byFile), problems }
}

/** All files below a folder, hidden ones left out, as relative paths with slashes. */
async function listFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + (root.endsWith('/') ? 0 : 1))
        .replaceAll('\\', '/'),
    )
    .filter((file) => !file.split('/').some((part) => part.startsWith('.')))
}

/** A picture that belongs to the image of the same name: `palm.control.png` and `palm.mask.png` to `palm.jpg`. */
function isPicture(file: string): boolean {
  return /\.(control|mask)\.[a-z]+$/i.test(file)
}

function picturesOf(file: string, known: ReadonlySet<string>): Pick<ListedImage, 'control' | 'mask'> {
  const stem = file.slice(0, -extname(file).length)
  const find = (kind: string) =>
    [...supportedImages].map((extension) => `${stem}.${kind}${extension}`).find((name) => known.has(name)) ?? null
  return { control: find('control'), mask: find('mask') }
}

/** Whether all images lie in folders that are named by a number of repeats, as sd-scripts has them (`10_palm`). */
function isKohyaFolder(files: readonly string[]): boolean {
  const images = files.filter((file) => supportedImages.has(extname(file).toLowerCase()))
  return images.length > 0 && images.every((file) => kohyaFolder.test(file))
}

const kohyaFolder = /^([1-9]\d{0,4})_([^/]*)\/[^/]+$/

/** The repeats of an image by its folder, and the rest of the folder's name, which is the caption without another. */
function repeatsOf(file: string): { readonly repeats: number; readonly caption: string } {
  const [, repeats, caption = ''] = kohyaFolder.exec(file) ?? []
  return { repeats: Number(repeats), caption }
}

/** The name of the folder right above an image, as words; empty at the top. */
function classCaption(file: string): string {
  const folder = posix.dirname(file)
  return folder === '.' ? '' : posix.basename(folder).replaceAll(/[-_]+/g, ' ')
}

export function unsupportedType(file: string): DatasetProblem {
  return { file, code: 'unsupported-type', message: 'is of a type that is not read; convert it to PNG, JPEG or WebP' }
}

function byFile(a: ListedImage, b: ListedImage): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : 0
}
