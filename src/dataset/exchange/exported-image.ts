import { extname, join } from 'node:path'
import type { DatasetItem } from '../../protocol/jobs.ts'
import type { Dataset } from '../dataset.ts'

/** An image of a dataset on its way into another layout. */
export interface ExportedImage {
  readonly item: DatasetItem
  /** Its number in the dataset, with zeros before it so that names come in the order of the dataset. */
  readonly key: string
  /** With the dot, in lower case. */
  readonly extension: string
  /** Path of its file. */
  readonly path: string
  /** Pictures that belong to it, by what they are. */
  readonly pictures: readonly { readonly kind: 'control' | 'mask'; readonly extension: string; readonly path: string }[]
}

/** The images of a dataset, numbered. A mask that is the image's own alpha channel is no picture beside it. */
export function exportedImages({ root, items }: Dataset): ExportedImage[] {
  const digits = Math.max(6, String(items.length - 1).length)
  return items.map((item, i) => ({
    item,
    key: String(i).padStart(digits, '0'),
    extension: extension(item.file),
    path: join(root, item.file),
    pictures: (['control', 'mask'] as const).flatMap((kind) => {
      const picture = item[kind]
      if (picture === null || picture.file === item.file) return []
      return [{ kind, extension: extension(picture.file), path: join(root, picture.file) }]
    }),
  }))
}

function extension(file: string): string {
  return extname(file).toLowerCase()
}
