import { folderBytes } from '../util/folder-bytes.ts'
import type { Cell } from './cell.ts'
import type { CellStore } from './cell-store.ts'

/** What the missing cells of a study will cost, judged by finished cells of the same lab; null while unknown. */
export interface StudyExpectation {
  readonly seconds: number | null
  /** Disk that the finished cells will take. */
  readonly bytes: number | null
}

/** Finished cells of each kind that are looked at. */
const looked = 24

/**
 * Time and disk per unit of work are those of finished cells of the same kind, of any study. A kind that the lab has
 * never finished leaves the expectation unknown.
 */
export async function expectCost(missing: readonly Cell[], store: CellStore): Promise<StudyExpectation> {
  const names = [...(await store.keys())].sort()
  let [seconds, bytes] = [0, 0]
  for (const kind of new Set(missing.map((cell) => cell.kind))) {
    const known = names.filter((name) => name.startsWith(`${kind}-`)).slice(0, looked)
    const costs = await Promise.all(known.map((key) => costOf(key, store)))
    const units = costs.reduce((sum, cost) => sum + cost.work, 0)
    if (units === 0) return { seconds: null, bytes: null }
    const work = missing.reduce((sum, cell) => sum + (cell.kind === kind ? cell.work : 0), 0)
    seconds += (work * costs.reduce((sum, cost) => sum + cost.seconds, 0)) / units
    bytes += (work * costs.reduce((sum, cost) => sum + cost.bytes, 0)) / units
  }
  return { seconds, bytes }
}

async function costOf(key: string, store: CellStore): Promise<{ work: number; seconds: number; bytes: number }> {
  // A record that cannot be read is told when its study runs; here it only says nothing.
  const record = await store.read(key).catch(() => null)
  if (record === null) return { work: 0, seconds: 0, bytes: 0 }
  return { work: record.work, seconds: record.seconds, bytes: await folderBytes(store.folder(key)) }
}
