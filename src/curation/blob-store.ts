import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWrite } from '../util/atomic-write.ts'
import { inFolder } from '../util/in-folder.ts'
import { sha256 } from '../util/sha256.ts'

/** Files under the SHA-256 of their bytes, each there whole or not at all. */
export class BlobStore {
  readonly folder: string

  /** Made by `openBlobStore`. */
  constructor(folder: string) {
    this.folder = folder
  }

  /** Where the file of a SHA-256 is. */
  path(blob: string): string {
    return join(this.folder, blob.slice(0, 2), blob)
  }

  /** Keeps bytes and gives their SHA-256. Throws DatasetError (`disk-full`, `unwritable-folder`). */
  async keep(bytes: Buffer): Promise<string> {
    const blob = sha256(bytes)
    const path = this.path(blob)
    const known = await stat(path).catch(() => null)
    if (known?.size === bytes.length) return blob
    await writing(this.folder, async () => {
      await mkdir(join(this.folder, blob.slice(0, 2)), { recursive: true })
      await atomicWrite(path, bytes)
    })
    return blob
  }
}

/**
 * Opens the folder of a set's files and removes what a killed process had not finished. One process at a time may have
 * it, which the ledger's lock sees to. Throws DatasetError (`disk-full`, `unwritable-folder`).
 */
export function openBlobStore(folder: string): Promise<BlobStore> {
  return writing(folder, async () => {
    await mkdir(folder, { recursive: true })
    for (const name of await readdir(folder, { recursive: true }))
      if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true })
    return new BlobStore(folder)
  })
}

/** Does work in a folder that must be writable. Throws DatasetError (`disk-full`, `unwritable-folder`). */
export function writing<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  return inFolder(folder, { code: 'unwritable-folder', words: 'cannot be written' }, work)
}
