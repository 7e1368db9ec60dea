import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { deepFreeze, resolve } from '../config/resolve.ts'
import { DatasetError } from '../errors/index.ts'
import type { DatasetItem, ItemPicture } from '../protocol/jobs.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { mapParallel } from '../util/map-parallel.ts'
import { RandomStream } from '../util/random.ts'
import { sha256 } from '../util/sha256.ts'
import { forbidsDerivatives, readAttributions } from './attribution.ts'
import { checkedCaption } from './caption-file.ts'
import { type Dataset, type DatasetOptions, datasetOptions } from './dataset.ts'
import { archivesAt, unpackArchives } from './exchange/archive.ts'
import { type ImageFacts, ImageInspector } from './image-facts.ts'
import { type ListedImage, listImages } from './list-images.ts'
import { maskOf } from './mask.ts'
import { type DatasetProblem, datasetError } from './problem.ts'

/** Where a dataset's manifest goes, and what is known of its images already. */
export interface DatasetPlace {
  readonly folder: string
  readonly inspector?: ImageInspector
}

/**
 * Freezes a folder of images: decodes and hashes each, reads captions and labels, and writes a manifest under its own
 * hash. Layouts: images with optional text files of the same name; Hugging Face's imagefolder with `metadata.jsonl`;
 * a sub-folder per class, whose name is the caption; sd-scripts' folders, as `10_palm`; WebDataset's tar files, one or
 * a folder of them, which are unpacked into the place of manifests.
 *
 * Throws DatasetError (`missing-dataset`, `empty-dataset`, or `invalid-dataset` with all problems of the folder,
 * `broken-archive` and `unsafe-archive` of tar files) or ConfigError for options.
 */
export async function openDataset(path: string, place: DatasetPlace, input: DatasetOptions = {}): Promise<Dataset> {
  const options = resolve(datasetOptions, input, 'options of the dataset')
  const archives = await archivesAt(path)
  const { root, images, problems } = await listImages(
    archives === null ? path : await unpackArchives(archives, place.folder),
  )
  const inspector = place.inspector ?? new ImageInspector()
  const inspected = await mapParallel(images, 4 * availableParallelism(), async (image) =>
    freezeItem(image, await inspectAll(inspector, root, image, options.alphaMasks), options.caption),
  )
  const found = [...problems, ...inspected.filter(isProblem)]
  if (found.length > 0) throw datasetError(root, found)
  const items = chooseItems(inspected.filter(isItem), options)
  if (items.length === 0) throw empty(root, images.length)
  const noDerivatives = options.keepNoDerivatives ? [] : await filesWithoutDerivatives(root, items)
  return writeManifest({ root, items, noDerivatives }, place.folder)
}

/** The same images with one caption for all of them, frozen anew in a folder. */
export function withCaption(dataset: Dataset, caption: string, folder: string): Promise<Dataset> {
  return writeManifest({ ...dataset, items: dataset.items.map((item) => ({ ...item, caption })) }, folder)
}

interface ItemFacts {
  readonly sha256: string
  readonly width: number
  readonly height: number
  readonly control: DatasetItem['control']
  readonly mask: DatasetItem['mask']
}

async function inspectAll(
  inspector: ImageInspector,
  root: string,
  listed: ListedImage,
  alphaMasks: boolean,
): Promise<ItemFacts | DatasetProblem> {
  const image = await inspector.inspect(root, listed.file)
  if (!('sha256' in image)) return image
  const control = listed.control === null ? null : await controlOf(inspector, root, listed.control, image)
  if (control !== null && 'code' in control) return control
  const mask = await maskOf(inspector, root, listed, image, alphaMasks)
  if (mask !== null && 'code' in mask) return mask
  return { ...image, control, mask }
}

async function controlOf(
  inspector: ImageInspector,
  root: string,
  file: string,
  image: ImageFacts,
): Promise<ItemPicture | DatasetProblem> {
  const picture = await inspector.inspect(root, file)
  if (!('sha256' in picture)) return picture
  if (picture.width * image.height === picture.height * image.width) return { file, sha256: picture.sha256 }
  const [own, other] = [image, picture].map(({ width, height }) => `${width}x${height}`)
  return {
    file,
    code: 'picture-mismatch',
    message: `is ${other} pixels, its image ${own}; give it the image's shape`,
  }
}

function freezeItem(
  { file, caption, fingers, defect, repeats }: ListedImage,
  facts: ItemFacts | DatasetProblem,
  wording: DatasetOptions['caption'],
): DatasetItem | DatasetProblem {
  if (!('sha256' in facts)) return facts
  const worded = typeof wording === 'function' ? wording({ file, caption }) : (wording ?? caption)
  if (typeof worded !== 'string') {
    return { file, code: 'caption-not-text', message: 'was given no text by the caption function' }
  }
  const checked = checkedCaption(file, worded)
  if (typeof checked !== 'string') return checked
  const { sha256, width, height, control, mask } = facts
  return { file, sha256, caption: checked, width, height, fingers, defect, control, mask, repeats }
}

function isProblem(value: DatasetItem | DatasetProblem): value is DatasetProblem {
  return 'code' in value
}

function isItem(value: DatasetItem | DatasetProblem): value is DatasetItem {
  return !isProblem(value)
}

function chooseItems(
  items: readonly DatasetItem[],
  {
    filter,
    limit,
    seed,
  }: { readonly filter?: DatasetOptions['filter']; readonly limit: number | null; readonly seed: number },
): DatasetItem[] {
  const kept = filter === undefined ? [...items] : items.filter((item) => filter(item))
  if (limit === null || limit >= kept.length) return kept
  const order = new RandomStream('dataset-limit', seed).shuffle([...kept.keys()])
  const chosen = new Set(order.slice(0, limit))
  return kept.filter((_, i) => chosen.has(i))
}

async function filesWithoutDerivatives(root: string, items: readonly DatasetItem[]): Promise<string[]> {
  const attributions = await readAttributions(root)
  return items.flatMap(({ file }) => {
    const known = attributions.get(file)
    return known !== undefined && forbidsDerivatives(known) ? [file] : []
  })
}

async function writeManifest(
  { root, items, noDerivatives }: Pick<Dataset, 'root' | 'items' | 'noDerivatives'>,
  folder: string,
): Promise<Dataset> {
  const text = items.map((item) => `${canonicalJson(item)}\n`).join('')
  const identity = sha256(text)
  const manifest = join(folder, `${identity}.jsonl`)
  await mkdir(folder, { recursive: true })
  await atomicWrite(manifest, text)
  const duplicates = duplicatesOf(items)
  return deepFreeze({ type: 'dataset', root, manifest, sha256: identity, items, duplicates, noDerivatives })
}

function duplicatesOf(items: readonly DatasetItem[]): string[][] {
  const groups = new Map<string, string[]>()
  for (const { sha256, file } of items) groups.set(sha256, [...(groups.get(sha256) ?? []), file])
  return [...groups.values()].filter((group) => group.length > 1)
}

function empty(root: string, images: number): DatasetError {
  return new DatasetError({
    code: 'empty-dataset',
    message:
      images === 0
        ? `${root} holds no PNG, JPEG or WebP image. Put images into it, or name another folder.`
        : `The filter keeps none of the ${images} images in ${root}. Widen it.`,
    facts: { folder: root, images },
  })
}
