import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import type { Cell } from './cell.ts'
import type { CellRecord } from './cell-record.ts'
import type { CellStore } from './cell-store.ts'
import type { StudyPlan } from './plan.ts'

/** One part of a key that differs, by its path in what the key is a hash of; undefined where it is not there. */
export interface KeyDifference {
  readonly path: string
  /** In the cell of the plan. */
  readonly wanted: unknown
  /** In the finished cell. */
  readonly found: unknown
}

/** Why a cell is or is not there already. */
export interface CellReason {
  readonly key: string
  readonly label: string
  readonly cached: boolean
  /** An interrupted attempt is kept; only a training goes on from it. */
  readonly interrupted: boolean
  /** Cells that it needs and that are missing, too. */
  readonly missingNeeds: readonly string[]
  /** Of a missing cell: the finished one of its kind whose key differs least; null when there is none to compare with. */
  readonly nearest: {
    readonly key: string
    readonly label: string
    readonly differences: readonly KeyDifference[]
  } | null
}

/**
 * Explains a cell of a plan, named by its key, the beginning of its key, or its label. Throws ConfigError
 * (`unknown-cell`, `unclear-cell`).
 */
export async function explainCell(plan: StudyPlan, store: CellStore, name: string): Promise<CellReason> {
  const cell = findCell(plan.cells, name)
  const finished = await store.keys()
  const cached = finished.has(cell.key)
  return {
    key: cell.key,
    label: cell.label,
    cached,
    interrupted: !cached && (await store.hasWork(cell.key)),
    missingNeeds: cell.needs.filter((key) => !finished.has(key)),
    nearest: cached ? null : await findNearest(cell, plan, store, finished),
  }
}

function findCell(cells: readonly Cell[], name: string): Cell {
  const exact = cells.find(({ key, label }) => key === name || label === name)
  if (exact !== undefined) return exact
  const begun = cells.filter(({ key }) => key.startsWith(name))
  if (begun.length === 1 && begun[0] !== undefined) return begun[0]
  const names = cells.flatMap(({ key, label }) => [key, label])
  const nearest = nearestName(name, names)
  throw new ConfigError({
    code: begun.length === 0 ? 'unknown-cell' : 'unclear-cell',
    message:
      begun.length === 0
        ? `The study has no cell "${name}".${nearest === undefined ? ' Its cells are listed by phalanx run --dry-run.' : ` Did you mean "${nearest}"?`}`
        : `"${name}" begins the keys of ${begun.length} cells. Write more of it.`,
    facts: { name },
  })
}

async function findNearest(
  cell: Cell,
  plan: StudyPlan,
  store: CellStore,
  finished: ReadonlySet<string>,
): Promise<CellReason['nearest']> {
  const records = new Map<string, Promise<CellRecord | null>>()
  let nearest: CellReason['nearest'] = null
  for (const key of [...finished].sort()) {
    if (!key.startsWith(`${cell.kind}-`)) continue
    const record = await read(key)
    if (record === null) continue
    const differences = await follow(differencesOf(cell.identity, record.identity))
    if (nearest !== null && nearest.differences.length <= differences.length) continue
    nearest = { key, label: record.label, differences }
  }
  return nearest

  /** A record that cannot be read is told when its study runs; one of old does not say what its key is made from. */
  function read(key: string): Promise<CellRecord | null> {
    const known = records.get(key)
    if (known !== undefined) return known
    const record = finished.has(key) ? store.read(key).catch(() => null) : Promise.resolve(null)
    const usable = record.then((found) => (found === null || found.identity === null ? null : found))
    records.set(key, usable)
    return usable
  }

  /** Where two cells need different cells, what differs is what differs between those. */
  async function follow(differences: readonly KeyDifference[]): Promise<KeyDifference[]> {
    const followed: KeyDifference[] = []
    for (const difference of differences) {
      const needed = plan.cells.find(({ key }) => key === difference.wanted)
      const record = needed && typeof difference.found === 'string' ? await read(difference.found) : null
      if (needed === undefined || record === null) followed.push(difference)
      else {
        const deeper = await follow(differencesOf(needed.identity, record.identity))
        followed.push(...deeper.map((one) => ({ ...one, path: `${needed.kind}: ${one.path}` })))
      }
    }
    return followed
  }
}

/** Leaves in which two plain values differ, in the order of the first. */
export function differencesOf(wanted: unknown, found: unknown, path = ''): KeyDifference[] {
  if (wanted === undefined && found === undefined) return []
  if (!isGroup(wanted) || !isGroup(found)) {
    return JSON.stringify(wanted) === JSON.stringify(found) ? [] : [{ path, wanted, found }]
  }
  return [...new Set([...Object.keys(wanted), ...Object.keys(found)])].flatMap((key) =>
    differencesOf(wanted[key], found[key], path === '' ? key : `${path}.${key}`),
  )
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
