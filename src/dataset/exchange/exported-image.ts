import { writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { DatasetItem } from '../../protocol/jobs.ts'
import { type Attribution, attributionFile, attributionText, readAttributions } from '../attribution.ts'
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
  /** Whose it is and under which licence; null where the dataset does not say. */
  readonly attribution: Attribution | null
}

/** The images of a dataset, numbered. A mask that is the image's own alpha channel is no picture beside it. */
export async function exportedImages({ root, items }: Dataset): Promise<ExportedImage[]> {
  const attributions = await readAttributions(root)
  const digits = Math.max(6, String(items.length - 1).length)
  return items.map((item, i) => ({
    item,
    key: String(i).padStart(digits, '0'),
    extension: extension(item.file),
    path: join(root, item.file),
    attribution: attributions.get(item.file) ?? null,
    pictures: (['control', 'mask'] as const).flatMap((kind) => {
      const picture = item[kind]
      if (picture === null || picture.file === item.file) return []
      return [{ kind, extension: extension(picture.file), path: join(root, picture.file) }]
    }),
  }))
}

/** Writes what is known of images beside them, by the names that they have now; nothing when nothing is. */
export async function writeAttributions(
  folder: string,
  images: readonly { readonly file: string; readonly attribution: Attribution | null }[],
): Promise<void> {
  const rows = images.flatMap(({ file, attribution }) => (attribution === null ? [] : [{ ...attribution, file }]))
  if (rows.length > 0) await writeFile(join(folder, attributionFile), attributionText(rows))
}

function extension(file: string): string {
  return extname(file).toLowerCase()
}
