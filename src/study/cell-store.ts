import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { type CellRecord, cellRecord } from './cell-record.ts'

const recordFile = 'cell.json'
const unfinishedFolder = 'unfinished'

/**
 * The ledger: a folder per finished cell under its key. A cell is worked on elsewhere and moved under its key when
 * whole, so whatever is killed, a folder under a key is a finished cell, and no other list has to agree with it.
 */
export class CellStore {
  readonly #root: string

  /** @param root folder of all cells of a lab */
  constructor(root: string) {
    this.#root = root
  }

  /** Keys of all finished cells. */
  async keys(): Promise<Set<string>> {
    const names = new Set(await readNames(this.#root))
    names.delete(unfinishedFolder)
    return names
  }

  /** Keys of all cells of which an interrupted attempt left something. */
  async unfinishedKeys(): Promise<Set<string>> {
    return new Set(await readNames(join(this.#root, unfinishedFolder)))
  }

  /** Folder of a finished cell. */
  folder(key: string): string {
    return join(this.#root, key)
  }

  /** Folder that a cell is worked on in. */
  workFolder(key: string): string {
    return join(this.#root, unfinishedFolder, key)
  }

  /** Folder to work on a cell in; what an interrupted attempt left is still there. */
  async openWork(key: string): Promise<string> {
    const folder = this.workFolder(key)
    await mkdir(folder, { recursive: true })
    return folder
  }

  /** True when an interrupted attempt left something. */
  async hasWork(key: string): Promise<boolean> {
    return (await readNames(this.workFolder(key))).length > 0
  }

  /** What a finished cell left. Throws ArtefactError when its record cannot be read. */
  async read(key: string): Promise<CellRecord> {
    const path = join(this.folder(key), recordFile)
    try {
      return cellRecord.parse(JSON.parse(await readFile(path, 'utf8')))
    } catch (cause) {
      throw new ArtefactError({
        code: 'cell-record-invalid',
        message: `${path} cannot be read. Delete its folder and run the study again; only this cell runs anew.`,
        facts: { path },
        cause,
      })
    }
  }

  /** Puts a whole cell under its key, record last, and gives the record back. */
  async finish(record: CellRecord): Promise<CellRecord> {
    const work = await this.openWork(record.key)
    await atomicWrite(join(work, recordFile), JSON.stringify(cellRecord.parse(record)))
    try {
      await rename(work, this.folder(record.key))
    } catch (error) {
      // Somebody else finished it: equal keys have equal results, and what others may be reading stays.
      if (!(await this.keys()).has(record.key)) throw error
      await this.discardWork(record.key)
      return this.read(record.key)
    }
    return record
  }

  /** Forgets what an interrupted attempt left. */
  async discardWork(key: string): Promise<void> {
    await rm(this.workFolder(key), { recursive: true, force: true })
  }

  /** Removes a cell, finished or not. It is no finished cell any more before the first of its files is gone. */
  async remove(key: string): Promise<void> {
    await this.discardWork(key)
    await mkdir(join(this.#root, unfinishedFolder), { recursive: true })
    await rename(this.folder(key), this.workFolder(key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await this.discardWork(key)
  }
}

/** Names in a folder; none where it is not there. */
async function readNames(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}
