import { stat } from 'node:fs/promises'
import { resolve as absolute } from 'node:path'
import { type DatasetExportInput, datasetExport } from '../../config/export.ts'
import { resolve } from '../../config/resolve.ts'
import { ArtefactError } from '../../errors/index.ts'
import { inFolder } from '../../util/in-folder.ts'
import { wholeFolder } from '../../util/whole-folder.ts'
import type { Dataset } from '../dataset.ts'
import { exportedImages } from './exported-image.ts'
import { writeImageFolder } from './image-folder.ts'
import { writeKohyaFolder } from './kohya-folder.ts'
import { writeWebDataset } from './web-dataset.ts'

export interface ExportRun {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What was written. */
export interface ExportedDataset {
  /** Absolute path. */
  readonly folder: string
  readonly images: number
  /** Labels that the layout has no place for, and that some image has. */
  readonly leftOut: readonly ('fingers' | 'defect')[]
}

/**
 * Writes a dataset in the layout of another tool, with the same image files, captions and repeats, numbered in the order
 * of the dataset. `lab.dataset` takes what was written. The folder appears when it is whole, and one that is there is
 * left as it is.
 *
 * Throws ConfigError, ArtefactError (`folder-taken`), DatasetError (`cannot-export`, `disk-full`, `unwritable-folder`)
 * or the signal's reason.
 */
export async function exportDataset(
  dataset: Dataset,
  to: string,
  options: DatasetExportInput,
  { signal, onProgress }: ExportRun = {},
): Promise<ExportedDataset> {
  const settings = resolve(datasetExport, options, 'export')
  const folder = absolute(to)
  if ((await stat(folder).catch(() => null)) !== null) throw taken(folder)
  const images = await exportedImages(dataset)
  let done = 0
  const copied = () => {
    onProgress?.(++done, images.length)
    signal?.throwIfAborted()
  }
  await inFolder(folder, { code: 'unwritable-folder', words: 'cannot be written' }, () =>
    wholeFolder(folder, (partial) => {
      switch (settings.as) {
        case 'kohya':
          return writeKohyaFolder(partial, images, settings.name, copied)
        case 'imagefolder':
          return writeImageFolder(partial, images, copied)
        case 'webdataset':
          return writeWebDataset(partial, images, settings.shardBytes, copied)
      }
    }),
  )
  const leftOut = settings.as === 'kohya' ? (['fingers', 'defect'] as const) : []
  return {
    folder,
    images: images.length,
    leftOut: leftOut.filter((label) => dataset.items.some((item) => item[label] !== null)),
  }
}

function taken(folder: string): ArtefactError {
  return new ArtefactError({
    code: 'folder-taken',
    message: `${folder} is there already. Name another folder, or remove it.`,
    facts: { folder },
  })
}
