import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import type { Candidate, CandidateInput } from '../ledger/index.ts'

export interface SearchOptions {
  /** Most candidates that are given, 1 to 100,000. */
  readonly limit: number
  readonly signal: AbortSignal
}

/** A place that names images. */
export interface ImageSource {
  /** As the ledger knows it; a list or a folder with other content has another name. */
  readonly name: string
  /** False for what is taken whole, by the empty query: a folder, a list without a column of queries. */
  readonly takesQueries: boolean
  /** Day on which the service behind it ends, as `2027-01-01`; null without one. */
  readonly ends: string | null
  /**
   * The images of a query, best first, each ranked by its place in the source's answer. Results without the address of
   * an image leave a gap in the ranks. Throws DatasetError (`source-busy` with the time from which to go on,
   * `source-refused`, `source-unreachable`, `source-answer`), ConfigError (`source-key-refused`, `invalid-settings`) or
   * the signal's reason.
   */
  search(query: string, options: SearchOptions): AsyncIterable<Candidate>
}

/** Something a person may want to see while a source is asked. */
export type SourceEvent =
  /** It is asked nothing for so long. */
  | {
      readonly type: 'source-wait'
      readonly source: string
      readonly milliseconds: number
      readonly reason: 'rate-limit' | 'source-asks' | 'failure'
    }
  /** A result that names no image that could be fetched. */
  | { readonly type: 'result-skip'; readonly source: string; readonly query: string; readonly rank: number }

/** Where raw answers are kept; the ledger is one. */
export interface AnswerStore {
  answer(source: string, request: string): string | null
  keepAnswer(source: string, request: string, body: string, received: number): void
}

/** A candidate before it has its rank. */
export type Hit = Omit<CandidateInput, 'rank'>

const searchLimit = z.strictObject({ limit: z.int().min(1).max(100_000) })

/** Checks the limit of a search. Throws ConfigError (`invalid-settings`). */
export function checkLimit({ limit }: SearchOptions): number {
  return resolve(searchLimit, { limit }, 'options of a search').limit
}
