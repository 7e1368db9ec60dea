import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { attributionFile, attributionText } from '../../dataset/index.ts'
import { atomicWrite } from '../../util/atomic-write.ts'
import { mapParallel } from '../../util/map-parallel.ts'
import type { BlobStore } from '../blob-store.ts'
import { attributionsOf, licencesText } from '../licences.ts'
import type { SetItem } from '../manifest.ts'
import { writeImage } from '../plain-image.ts'
import { metadataText, type SetPart } from './parts.ts'

/** What goes into the folder of a frozen set. */
export interface SetFiles {
  readonly items: readonly SetItem[]
  readonly parts: readonly SetPart[]
  /** Texts by file name. */
  readonly texts: Readonly<Record<string, string>>
}

/** Writes a frozen set into a folder that takes its name when all is there. Rejects with the file system's errors. */
export async function writeSet(
  folder: string,
  blobs: BlobStore,
  { items, parts, texts }: SetFiles,
  signal: AbortSignal,
): Promise<void> {
  const partial = `${folder}.partial`
  const parent = dirname(folder)
  await mkdir(parent, { recursive: true })
  // What a killed process left, of this or of another content.
  for (const name of await readdir(parent))
    if (name.endsWith('.partial')) await rm(join(parent, name), { recursive: true, force: true })
  await mkdir(join(partial, 'images'), { recursive: true })
  await mapParallel(items, availableParallelism(), async ({ blob, file, form }) => {
    signal.throwIfAborted()
    await writeImage(blobs.path(blob), join(partial, file), form)
  })
  for (const part of parts) if (part.items.length > 0) await atomicWrite(join(partial, part.file), metadataText(part))
  await atomicWrite(join(partial, 'LICENSES.md'), licencesText(items))
  await atomicWrite(join(partial, attributionFile), attributionText(attributionsOf(items)))
  for (const [name, text] of Object.entries(texts)) await atomicWrite(join(partial, name), text)
  await rename(partial, folder)
}
