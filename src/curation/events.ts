import type { SourceEvent } from '../sources/index.ts'

/** Something that happened while a set is made. */
export type CurationEvent =
  | SourceEvent
  /** A query was answered, now or in an earlier run. */
  | {
      readonly type: 'search-end'
      readonly source: string
      readonly query: string
      /** Of the searches of this source, from 1. */
      readonly done: number
      readonly total: number
      /** Files that nobody had named before. */
      readonly added: number
    }
  /** A fetch ended. */
  | {
      readonly type: 'fetch-progress'
      readonly fetched: number
      readonly refused: number
      readonly waiting: number
      /** Time left at the rate of this run; null before the first is done. */
      readonly secondsLeft: number | null
    }
  /** Nothing is fetched until the next try of those that failed. */
  | { readonly type: 'retry-wait'; readonly candidates: number; readonly milliseconds: number }
