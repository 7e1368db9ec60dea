import { z } from 'zod'

/** How a dataset is written for other tools. */
export const datasetExport = z.discriminatedUnion('as', [
  /** Folders of sd-scripts. */
  z.strictObject({
    as: z.literal('kohya'),
    /** What follows the number of repeats in the names of folders. */
    name: z
      .string()
      .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u, {
        error: 'must begin with a letter or digit and hold only these, spaces, dots, hyphens and underscores',
      })
      .default('images'),
  }),
  /** Hugging Face's layout: images beside `metadata.jsonl`. */
  z.strictObject({ as: z.literal('imagefolder') }),
  /** Tar files, each read from its beginning to its end. */
  z.strictObject({
    as: z.literal('webdataset'),
    /** Largest tar file in bytes, unless one image takes more; 1 GiB. */
    shardBytes: z
      .int()
      .min(10_240)
      .max(2 ** 40)
      .default(2 ** 30),
  }),
])
export type DatasetExportInput = z.input<typeof datasetExport>
