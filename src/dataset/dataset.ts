import { z } from 'zod'
import { prompt, seed } from '../config/sampling.ts'
import type { DatasetItem } from '../protocol/jobs.ts'

/** A frozen, content-addressed set of images with captions. */
export interface Dataset {
  readonly type: 'dataset'
  /** Absolute path of the folder that the items' files are relative to. */
  readonly root: string
  /** File in the lab's folder with a JSON line per item. */
  readonly manifest: string
  /** SHA-256 of the manifest: the identity of the dataset, wherever it lies. */
  readonly sha256: string
  readonly items: readonly DatasetItem[]
  /** Groups of files with the same bytes. */
  readonly duplicates: readonly (readonly string[])[]
  /** Files whose licence forbids derived works and that are not kept on purpose: nothing is trained on them. */
  readonly noDerivatives: readonly string[]
}

/** How many images a dataset shows in an epoch: each as often as it is repeated. */
export function imagesOfEpoch({ items }: Pick<Dataset, 'items'>): number {
  return items.reduce((images, { repeats }) => images + repeats, 0)
}

/** What a caption function is given. */
export interface CaptionSource {
  /** Relative to the dataset's folder, with slashes. */
  readonly file: string
  /** What the folder itself says: a text file beside the image, metadata.jsonl, or the name of the class folder. */
  readonly caption: string
}

export const datasetOptions = z.strictObject({
  /** One caption for all images, or a function that words each; what the folder says by default. */
  caption: z
    .union([
      prompt,
      z.custom<(source: CaptionSource) => string>((value) => typeof value === 'function', 'must be text or a function'),
    ])
    .optional(),
  /** Takes the alpha channel of images that have no mask file as their mask, and refuses those that have no alpha. */
  alphaMasks: z.boolean().default(false),
  /** Trains also on images whose licence, as `attribution.jsonl` beside them has it, forbids derived works. */
  keepNoDerivatives: z.boolean().default(false),
  /** Keeps only the items for which it returns true. */
  filter: z
    .custom<(item: DatasetItem) => boolean>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  /** Keeps so many items, drawn by `seed`; all by default. */
  limit: z.int().min(1).nullable().default(null),
  seed: seed.default(0),
})
export type DatasetOptions = z.input<typeof datasetOptions>
