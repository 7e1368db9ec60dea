import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import type { LedgerDatabase } from './database.ts'
import { entries, imageColumns, type KeptEntry, keptEntryOf } from './entry.ts'
import * as refusals from './review-refusals.ts'

const id = z.int().min(1)
const reviewer = z.string().trim().min(1).max(60)

/** What a person says of a candidate. */
export const decision = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['keep', 'drop', 'watermark', 'clip-art']), candidate: id, reviewer }),
  /** The same picture as `other`, which stays; or another one, although it looked the same to the machine. */
  z.strictObject({ kind: z.enum(['duplicate', 'not-duplicate']), candidate: id, reviewer, other: id }),
  z.strictObject({ kind: z.literal('caption'), candidate: id, reviewer, text: z.string().max(8192) }),
])
export type Decision = z.output<typeof decision>

/** What a candidate counts as; `near-duplicate` is what gave way and nobody looked at yet. */
export const reviewStates = [
  ...(['unreviewed', 'near-duplicate', 'kept', 'dropped'] as const),
  ...(['watermark', 'clip-art', 'duplicate'] as const),
] as const
export type ReviewState = (typeof reviewStates)[number]

const reviewRow = z.object({
  id,
  state: z.enum(reviewStates),
  /** The last decision on it, undone ones and undoings included; 0 before the first. */
  revision: z.int(),
  source: z.string(),
  query: z.string(),
  width: z.int(),
  height: z.int(),
  blob: z.string(),
  /** Perceptual hashes, of the image and of its mirror image. */
  hash: z.string(),
  mirroredHash: z.string(),
  /** Suspicions of 0 to 1; null for an image that was not measured yet. */
  watermark: z.number().nullable(),
  clipArt: z.number().nullable(),
  littleDetail: z.number().nullable(),
})
/** A candidate in a review, in short. */
export type ReviewRow = z.output<typeof reviewRow>

/** A line of the log. */
const logRow = z.object({
  id,
  candidate: id,
  reviewer: z.string(),
  /** In milliseconds since 1970. */
  time: z.int(),
  kind: z.enum(['keep', 'drop', 'watermark', 'clip-art', 'duplicate', 'not-duplicate', 'caption', 'undo']),
  /** The candidate that a duplicate names. */
  other: z.int().nullable(),
  /** Caption before and after an edit. */
  oldText: z.string().nullable(),
  newText: z.string().nullable(),
  /** The line that an `undo` takes back. */
  undoes: z.int().nullable(),
})
export type LoggedDecision = z.output<typeof logRow>

/** A candidate in a review, with all that is known of it. */
export interface ReviewEntry extends KeptEntry {
  readonly state: ReviewState
  readonly revision: number
  /** The candidate that it gave way to, by the machine or by a person; null when there is none. */
  readonly duplicateOf: number | null
}

/** Everything whose picture can be looked at: what was fetched, and what gave way to a picture like it. */
const reviewable = `(candidate.state = 'fetched' or candidate.reason = 'near-duplicate' and candidate.duplicate_blob is not null)`
const state = `case when standing.reason = 'near-duplicate' then 'near-duplicate'
  when standing.state = 'refused' then standing.reason
  when standing.verdict is null then 'unreviewed' else 'kept' end as state`
const revision = `(select coalesce(max(id), 0) from decision where candidate = candidate.id) as revision`
const duplicateOf = `case when standing.verdict = 'duplicate' then standing.other
  when standing.reason = 'near-duplicate' then candidate.duplicate_of end as duplicateOf`
const rowColumns = [
  ...['width', 'height', 'image.blob', 'hash', 'mirrored_hash as mirroredHash'],
  ...['watermark', 'clip_art as clipArt', 'little_detail as littleDetail'],
]
const logColumns = 'id, candidate, reviewer, time, kind, other, old_text as oldText, new_text as newText, undoes'

/**
 * What people decided on the candidates of a set, a line each in the order of deciding. Lines are never changed; what
 * counts is the last verdict and the last caption that were not undone. Each method is one transaction that is on the
 * disk when it returns. All throw DatasetError (`disk-full`, `ledger-failed`).
 */
export class ReviewLog {
  readonly #database: LedgerDatabase

  constructor(database: LedgerDatabase) {
    this.#database = database
  }

  /** All candidates with a picture that changed after a line of the log, in the order in which they were found. */
  rows(after = 0): ReviewRow[] {
    const changed = after === 0 ? '' : 'and candidate.id in (select candidate from decision where decision.id > ?)'
    const sql = `${entries([state, revision, ...rowColumns])}
      join image on image.blob = standing.blob left join score on score.blob = image.blob
      where ${reviewable} ${changed} order by candidate.id`
    return this.#database.all(sql, ...(after === 0 ? [] : [after])).map((row) => reviewRow.parse(row))
  }

  /** A candidate with a picture. Throws DatasetError (`unknown-candidate`). */
  entry(candidate: number): ReviewEntry {
    const sql = `${entries([...imageColumns, state, revision, duplicateOf])}
      join image on image.blob = standing.blob where ${reviewable} and candidate.id = ?`
    const row = this.#database.get(sql, candidate)
    if (row === undefined) throw refusals.unknownCandidate(candidate)
    const { state: counted, ...facts } = reviewFacts.parse(row)
    return { ...keptEntryOf(row), ...facts, state: counted }
  }

  /**
   * Adds a decision and gives its line. `now`: ms since 1970; `seen`: the revision of the candidate that the person
   * looked at.
   * Throws ConfigError (`invalid-settings`), DatasetError (`unknown-candidate`; `decided-meanwhile` when the candidate
   * has another revision by now; `duplicate-of-itself`; `duplicate-of-refused` when the other one is taken out itself;
   * `gave-way` for keeping what gave way without saying that it is no duplicate; `no-duplicate` for saying so of what
   * did not give way to the other one; `same-caption`).
   */
  decide(input: z.input<typeof decision>, seen: number, now: number): number {
    const made = resolve(decision, input, 'decision')
    return this.#database.transaction(() => {
      const entry = this.entry(made.candidate)
      if (entry.revision !== seen) throw refusals.decidedMeanwhile(made.candidate)
      this.#require(made, entry)
      const other = 'other' in made ? made.other : null
      const [before, after] = made.kind === 'caption' ? [entry.caption, made.text.toWellFormed()] : [null, null]
      const sql = `insert into decision (candidate, reviewer, time, kind, other, old_text, new_text)
        values (?, ?, ?, ?, ?, ?, ?)`
      this.#database.run(sql, made.candidate, made.reviewer, now, made.kind, other, before, after)
      return this.last()
    })
  }

  /**
   * Takes back the last decision of a person that was not taken back yet, and gives it; null when there is none.
   * `now`: ms since 1970.
   */
  undo(name: string, now: number): LoggedDecision | null {
    return this.#database.transaction(() => {
      const sql = `select ${logColumns} from valid_decision where reviewer = ? order by id desc limit 1`
      const row = this.#database.get(sql, name)
      if (row === undefined) return null
      const undone = logRow.parse(row)
      const add = `insert into decision (candidate, reviewer, time, kind, undoes) values (?, ?, ?, 'undo', ?)`
      this.#database.run(add, undone.candidate, name, now, undone.id)
      return undone
    })
  }

  /** The log, of one candidate or of a person or of all, the newest first. */
  lines({
    candidate,
    name,
    limit = 1000,
  }: {
    candidate?: number
    name?: string
    limit?: number
  } = {}): LoggedDecision[] {
    const asked = [
      ...(candidate === undefined ? [] : [{ rule: 'candidate = ?', value: candidate }]),
      ...(name === undefined ? [] : [{ rule: 'reviewer = ?', value: name }]),
    ]
    const where = ['true', ...asked.map(({ rule }) => rule)].join(' and ')
    const sql = `select ${logColumns} from decision where ${where} order by id desc limit ?`
    return this.#database.all(sql, ...asked.map(({ value }) => value), limit).map((row) => logRow.parse(row))
  }

  /** Number of the last line; 0 when there is none. */
  last(): number {
    return z.object({ id: z.int() }).parse(this.#database.get('select coalesce(max(id), 0) as id from decision')).id
  }

  /** Candidates by what they count as. */
  counts(): Record<ReviewState, number> {
    const sql = `select state, count(*) as count from (select ${state} from candidate
      join standing on standing.id = candidate.id where ${reviewable}) group by state`
    const counted = this.#database.all(sql).map((row) => countRow.parse(row))
    return Object.fromEntries(
      reviewStates.map((name) => [name, counted.find((one) => one.state === name)?.count ?? 0]),
    ) as Record<ReviewState, number>
  }

  #require(made: Decision, entry: ReviewEntry): void {
    if (made.kind === 'keep' && entry.state === 'near-duplicate') throw refusals.gaveWay(entry.id)
    if (made.kind === 'caption' && made.text === entry.caption) throw refusals.sameCaption(entry.id)
    if (made.kind === 'not-duplicate' && entry.duplicateOf !== made.other)
      throw refusals.noDuplicate(made.candidate, made.other)
    if (made.kind !== 'duplicate') return
    if (made.other === made.candidate) throw refusals.ofItself(made.candidate)
    const { state: other } = this.entry(made.other)
    if (other !== 'kept' && other !== 'unreviewed') throw refusals.ofRefused(made.candidate, made.other, other)
  }
}

const reviewFacts = z.object({ state: z.enum(reviewStates), revision: z.int(), duplicateOf: z.int().nullable() })
const countRow = z.object({ state: z.enum(reviewStates), count: z.int() })
