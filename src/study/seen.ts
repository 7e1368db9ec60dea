import { join } from 'node:path'
import { readMatrix } from '../artefact/matrix-file.ts'
import type { CellRecord, Judgement } from './cell-record.ts'
import type { CellStore } from './cell-store.ts'

/** Features of the images or texts of a cell, a row each. */
export interface CellFeatures {
  readonly rows: readonly (readonly number[])[]
  readonly logitScale: number | null
}

/** What was seen in images, by the key of the cell that looked; cells that failed are missing. */
export interface Seen {
  readonly judgements: ReadonlyMap<string, readonly Judgement[]>
  readonly features: ReadonlyMap<string, CellFeatures>
}

/** Reads what the finished cells saw. Throws ArtefactError for a file that is not as its cell left it. */
export async function readSeen(records: ReadonlyMap<string, CellRecord>, store: CellStore): Promise<Seen> {
  const judgements = new Map<string, readonly Judgement[]>()
  const features = new Map<string, CellFeatures>()
  for (const [key, record] of records) {
    if (record.kind === 'score') judgements.set(key, record.judgements)
    if (record.kind !== 'embed') continue
    const rows = await readMatrix(join(store.folder(key), record.file))
    features.set(key, { rows: rows.map((row) => [...row]), logitScale: record.logitScale })
  }
  return { judgements, features }
}
