import { z } from 'zod'
import { type Candidate, type CaptionOrigin, candidate } from './candidate.ts'
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

/** Where a caption comes from, when people may have changed it. */
export type ReviewedCaptionOrigin = CaptionOrigin | 'edited'

/** A caption that an image had before somebody edited it. */
export interface EarlierCaption {
  readonly caption: string
  readonly captionSource: ReviewedCaptionOrigin
}

/** A candidate whose image is there. */
export interface KeptEntry extends Omit<LedgerEntry, 'captionSource'> {
  /** SHA-256 of the file's bytes. */
  readonly blob: string
  readonly image: ImageFacts
  readonly captionSource: ReviewedCaptionOrigin
  /** Oldest first; empty when nobody edited the caption. */
  readonly earlierCaptions: readonly EarlierCaption[]
}

/** Columns that {@link keptEntryOf} reads beside those of every entry. */
export const imageColumns = [
  ...['standing.blob', 'format', 'size', 'width', 'height', 'hash', 'mirrored_hash'],
  `(select json_group_array(new_text) from
    (select new_text from valid_decision where candidate = candidate.id and kind = 'caption' order by id)) as edits`,
]

const entryRow = z.object({
  id: z.int(),
  attempts: z.int(),
  source: z.string(),
  query: z.string(),
  rank: z.int(),
  facts: z.string(),
  page_alt: z.string().nullable(),
})
const keptRow = z.object({
  format: z.string(),
  size: z.int(),
  width: z.int(),
  height: z.int(),
  hash: z.string(),
  mirrored_hash: z.string(),
  blob: z.string(),
  edits: z.string(),
})

/** Candidates with what their first hit says and what they count as, and further columns. */
export function entries(columns: readonly string[] = []): string {
  return `select candidate.id, attempts, source, query, hit.rank, facts, page_alt${columns.map((name) => `, ${name}`).join('')}
    from candidate
    join hit on (hit.search, hit.rank) =
      (select search, rank from hit as first where first.candidate = candidate.id order by search, rank limit 1)
    join search on search.id = hit.search
    join standing on standing.id = candidate.id`
}

export function entryOf(row: unknown): LedgerEntry {
  const { facts, rank, page_alt: caption, ...rest } = entryRow.parse(row)
  const found = { ...rest, ...candidate.parse({ ...(JSON.parse(facts) as object), rank }) }
  return caption === null ? found : { ...found, caption, captionSource: 'page-alt' }
}

export function keptEntryOf(row: unknown): KeptEntry {
  const found = entryOf(row)
  const { blob, mirrored_hash: mirroredHash, edits, ...facts } = keptRow.parse(row)
  const { caption, captionSource } = found
  const edited = z.array(z.string()).parse(JSON.parse(edits))
  const captions: EarlierCaption[] = [
    { caption, captionSource },
    ...edited.map((text) => ({ caption: text, captionSource: 'edited' as const })),
  ]
  const last = captions.at(-1) as EarlierCaption
  return {
    ...found,
    blob,
    image: imageFacts.parse({ ...facts, mirroredHash }),
    ...last,
    earlierCaptions: captions.slice(0, -1),
  }
}
