import { z } from 'zod'
import { type Candidate, candidate } from './candidate.ts'
import { type ImageFacts, imageFacts } from './progress.ts'

/** One question to one source. */
export interface Search {
  readonly source: string
  readonly query: string
}

/** A candidate as the ledger knows it, with what its first hit says of it. */
export interface LedgerEntry extends Search, Candidate {
  readonly id: number
  /** Fetches begun so far. */
  readonly attempts: number
}

/** A candidate whose image is there. */
export interface KeptEntry extends LedgerEntry {
  /** SHA-256 of the file's bytes. */
  readonly blob: string
  readonly image: ImageFacts
}

const imageColumns = ['format', 'size', 'width', 'height', 'hash', 'mirrored_hash']

/** Selects candidates with what their first hit says, and with other columns that the rest of the query joins. */
export function selectEntries(columns: readonly string[] = []): string {
  return `select candidate.id, attempts, source, query, hit.rank, facts${columns.map((name) => `, ${name}`).join('')}
    from candidate
    join hit on (hit.search, hit.rank) =
      (select search, rank from hit as first where first.candidate = candidate.id order by search, rank limit 1)
    join search on search.id = hit.search`
}

/** Selects candidates whose image is there. */
export function selectKept(columns: readonly string[] = []): string {
  const names = ['blob', ...imageColumns].map((name) => `image.${name}`)
  return `${selectEntries([...names, ...columns])} join image on image.blob = candidate.blob`
}

const entryRow = z.object({
  id: z.int(),
  attempts: z.int(),
  source: z.string(),
  query: z.string(),
  rank: z.int(),
  facts: z.string(),
})
const imageRow = z.object({
  format: z.string(),
  size: z.int(),
  width: z.int(),
  height: z.int(),
  hash: z.string(),
  mirrored_hash: z.string(),
  blob: z.string(),
})

/** Reads a row of `selectEntries`. */
export function entryOf(row: unknown): LedgerEntry {
  const { facts, rank, ...rest } = entryRow.parse(row)
  return { ...rest, ...candidate.parse({ ...(JSON.parse(facts) as object), rank }) }
}

/** Reads a row of `selectKept`. */
export function keptEntryOf(row: unknown): KeptEntry {
  const { blob, mirrored_hash: mirroredHash, ...image } = imageRow.parse(row)
  return { ...entryOf(row), blob, image: imageFacts.parse({ ...image, mirroredHash }) }
}
