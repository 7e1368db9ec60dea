import { readdir } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { ratingsEnding } from '../artefact/rating-record.ts'
import { labFolders } from '../artefact/run-folder.ts'
import { takeFolder } from '../lab/index.ts'
import { folderBytes } from '../util/folder-bytes.ts'
import { CellStore } from './cell-store.ts'
import { readPlannedKeys } from './plan-record.ts'

/** A cell that no study of the lab refers to. */
export interface GarbageCell {
  readonly key: string
  /** False for what an interrupted attempt left. */
  readonly finished: boolean
  readonly bytes: number
}

/** Cells of a lab that no study refers to. */
export interface Garbage {
  readonly cells: readonly GarbageCell[]
  readonly bytes: number
  /** Whether they were removed. */
  readonly removed: boolean
}

/**
 * Finds the cells of a lab that no study in its folder refers to, and removes them if asked to. Runs, datasets and class
 * images are not looked at. A study refers to the cells of its newest plan; deleting its folder lets them go.
 *
 * Throws ArtefactError (`plan-record-invalid`; `lab-in-use` when it is to remove).
 *
 * @param folder the lab's folder
 */
export async function collectGarbage(folder: string, { remove = false } = {}): Promise<Garbage> {
  const root = absolute(folder)
  if (!remove) return { ...(await findGarbage(root)), removed: false }
  await using _lock = await takeFolder(root)
  const garbage = await findGarbage(root)
  const store = openCells(root)
  for (const { key } of garbage.cells) await store.remove(key)
  return { ...garbage, removed: true }
}

async function findGarbage(root: string): Promise<Omit<Garbage, 'removed'>> {
  const referred = await referredKeys(root)
  const store = openCells(root)
  const cells: GarbageCell[] = []
  for (const [keys, finished] of [
    [await store.keys(), true],
    [await store.unfinishedKeys(), false],
  ] as const) {
    for (const key of [...keys].sort()) {
      if (referred.has(key)) continue
      const bytes = await folderBytes(finished ? store.folder(key) : store.workFolder(key))
      cells.push({ key, finished, bytes })
    }
  }
  return { cells, bytes: cells.reduce((sum, cell) => sum + cell.bytes, 0) }
}

async function referredKeys(root: string): Promise<Set<string>> {
  const studies = join(root, labFolders.studies)
  const entries = await readdir(studies, { withFileTypes: true }).catch(() => [])
  const keys = new Set<string>()
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.endsWith(ratingsEnding)) continue
    for (const key of await readPlannedKeys(join(studies, entry.name))) keys.add(key)
  }
  return keys
}

function openCells(root: string): CellStore {
  return new CellStore(join(root, labFolders.cells))
}
