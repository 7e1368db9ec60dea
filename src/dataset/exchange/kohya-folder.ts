import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatasetError } from '../../errors/index.ts'
import { type ExportedImage, writeAttributions } from './exported-image.ts'

/**
 * Writes the folders that sd-scripts reads with `--train_data_dir`: one per number of repeats, as `10_name`, with a
 * `.txt` of one line beside each image.
 * Throws DatasetError (`cannot-export`) for captions and pictures that it would read otherwise.
 */
export async function writeKohyaFolder(
  folder: string,
  images: readonly ExportedImage[],
  name: string,
  copied: () => void,
): Promise<void> {
  refuse(
    images,
    'have a mask or a control picture, which it would take for an image of its own',
    ({ pictures }) => pictures.length > 0,
  )
  refuse(
    images,
    'have a caption of several lines or with white space around it, of which it reads a part',
    ({ item }) => hasOtherLine(item.caption),
  )
  const fileOf = ({ item, key, extension }: ExportedImage) => `${item.repeats}_${name}/${key}${extension}`
  for (const image of images) {
    const { item, key, path } = image
    const place = join(folder, `${item.repeats}_${name}`)
    await mkdir(place, { recursive: true })
    await copyFile(path, join(folder, fileOf(image)))
    // The line end stands for the empty caption: an empty file is an error there, and without one the folder's name is it.
    await writeFile(join(place, `${key}.txt`), `${item.caption}\n`)
    copied()
  }
  await writeAttributions(
    folder,
    images.map((image) => ({ file: fileOf(image), attribution: image.attribution })),
  )
}

/** What Python's `strip` takes away, and what ends a line in its text files; a byte order mark is lost here. */
function hasOtherLine(caption: string): boolean {
  return /^[\s\p{Cc}\ufeff]|[\s\p{Cc}\ufeff]$|[\r\n]/u.test(caption)
}

function refuse(images: readonly ExportedImage[], what: string, isOther: (image: ExportedImage) => boolean): void {
  const files = images.filter(isOther).map(({ item }) => item.file)
  if (files.length === 0) return
  throw new DatasetError({
    code: 'cannot-export',
    message: `${files.length} images ${what}: ${files.slice(0, 3).join(', ')}${files.length > 3 ? ', …' : ''}. Change them, or export as imagefolder or webdataset.`,
    facts: { files, as: 'kohya' },
  })
}
