import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson } from '../../util/canonical-json.ts'
import { metadataFile } from '../list-images.ts'
import { type ExportedImage, writeAttributions } from './exported-image.ts'

/**
 * Writes Hugging Face's imagefolder layout: images, and `metadata.jsonl` with `file_name`, `text` and what else is known
 * of each. Pictures that belong to an image lie beside it.
 */
export async function writeImageFolder(
  folder: string,
  images: readonly ExportedImage[],
  copied: () => void,
): Promise<void> {
  const rows: string[] = []
  for (const { item, key, extension, path, pictures } of images) {
    const names = Object.fromEntries(
      pictures.map((picture) => [picture.kind, `${key}.${picture.kind}${picture.extension}`]),
    )
    await copyFile(path, join(folder, `${key}${extension}`))
    for (const picture of pictures) await copyFile(picture.path, join(folder, names[picture.kind] as string))
    rows.push(metadataRowText(`${key}${extension}`, item, names))
    copied()
  }
  await writeFile(join(folder, metadataFile), rows.join(''))
  await writeAttributions(
    folder,
    images.map(({ key, extension, attribution }) => ({ file: `${key}${extension}`, attribution })),
  )
}

/** A line of `metadata.jsonl`, without what is not known. */
export function metadataRowText(
  file: string,
  item: { readonly caption: string } & Partial<Labels>,
  pictures: Readonly<Record<string, string>>,
): string {
  const { caption, fingers = null, defect = null, repeats = 1 } = item
  const row = {
    file_name: file,
    text: caption,
    ...(fingers !== null && { fingers }),
    ...(defect !== null && { defect }),
    ...(repeats !== 1 && { repeats }),
    ...pictures,
  }
  return `${canonicalJson(row)}\n`
}

/** What a dataset may know of an image beside its caption. */
export interface Labels {
  readonly fingers: number | null
  readonly defect: boolean | null
  readonly repeats: number
}
