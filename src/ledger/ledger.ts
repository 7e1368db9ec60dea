import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import type { FileLock } from '../util/file-lock.ts'
import { type Candidate, type CandidateInput, candidate } from './candidate.ts'
import type { LedgerDatabase } from './database.ts'
import { entries, entryOf, imageColumns, type KeptEntry, keptEntryOf, type LedgerEntry, type Search } from './entry.ts'
import { type ImageFacts, type LedgerCounts, type Outcome, outcome, states } from './progress.ts'
import { ReviewLog } from './review-log.ts'
import { ScoreTable } from './score-table.ts'
import { urlKey } from './url-key.ts'

/** A candidate that gives way to another one. */
export interface Duplicate {
  readonly id: number
  /** Id of the candidate that is kept. */
  readonly of: number
  readonly reason: 'same-file' | 'near-duplicate'
}

const fingerprint = z.object({
  id: z.int(),
  /** SHA-256 of the file's bytes. */
  blob: z.string(),
  /** Perceptual hashes in hexadecimal, of the image and of its mirror image. */
  hash: z.string(),
  mirroredHash: z.string(),
  pixels: z.int(),
})
export type Fingerprint = z.output<typeof fingerprint>

const refusedRow = z.object({
  reason: z.string(),
  url: z.string(),
  /** SHA-256 of the file; null for what was not fetched, or not kept. */
  blob: z.string().nullable(),
})
export type Refused = z.output<typeof refusedRow>
const counted = z.object({ name: z.string(), count: z.int() })
const total = z.object({ count: z.int() })

/**
 * What is known of a set in the making: every search, every hit, a state per candidate and a reason per refusal. Each
 * method is one transaction that is on the disk when it returns, so a process may be killed at any moment. All throw
 * DatasetError (`disk-full`, `ledger-failed`), after which the ledger is as it was before the call.
 */
export class Ledger implements AsyncDisposable {
  readonly #database: LedgerDatabase
  readonly #lock: FileLock
  /** What people decided. */
  readonly review: ReviewLog
  /** What was measured of the images that were fetched. */
  readonly scores: ScoreTable

  /** Made by `openLedger`. */
  constructor(database: LedgerDatabase, lock: FileLock) {
    this.#database = database
    this.#lock = lock
    this.review = new ReviewLog(database)
    this.scores = new ScoreTable(database)
  }

  /** Keeps a source's raw answer; a later one to the same request takes its place. `received`: ms since 1970. */
  keepAnswer(source: string, request: string, body: string, received: number): void {
    const sql = 'insert or replace into answer (source, request, body, received) values (?, ?, ?, ?)'
    this.#database.run(sql, source, request, body, received)
  }

  /** The raw answer that was kept for a request, or null. */
  answer(source: string, request: string): string | null {
    const row = this.#database.get('select body from answer where source = ? and request = ?', source, request)
    return row === undefined ? null : z.object({ body: z.string() }).parse(row).body
  }

  hasSearch({ source, query }: Search): boolean {
    return this.#database.get('select 1 from search where source = ? and query = ?', source, query) !== undefined
  }

  /**
   * Records a search with all its hits, and gives how many files nobody had named before. A search that is already
   * recorded is left as it is and gives 0. Throws ConfigError (`invalid-settings`) for a hit that is no candidate, and
   * RangeError for two hits of one rank.
   */
  recordSearch({ source, query }: Search, hits: readonly CandidateInput[]): number {
    const checked = resolve(z.array(candidate), hits, `hits of ${source} for "${query}"`)
    if (new Set(checked.map(({ rank }) => rank)).size < checked.length)
      throw new RangeError(`two hits of ${source} for "${query}" have the same rank`)
    const ordered = checked.toSorted((a, b) => a.rank - b.rank)
    return this.#database.transaction(() => {
      const added = this.#database.run('insert or ignore into search (source, query) values (?, ?)', source, query)
      return added === 0 ? 0 : this.#addHits({ source, query }, ordered)
    })
  }

  /**
   * Candidates whose time to be fetched has come, those found first first. `now`: ms since 1970; `after`: only those
   * whose id is larger.
   */
  due(now: number, limit: number, after = 0): LedgerEntry[] {
    const sql = `${entries()} where candidate.state = 'waiting' and next_try <= ? and candidate.id > ?
      order by candidate.id limit ?`
    return this.#database.all(sql, now, after, limit).map(entryOf)
  }

  /**
   * Candidates that were fetched and are kept, with their images and with captions as people edited them, in the order in
   * which they were found. What people took out is not among them; what they said is no duplicate is.
   */
  kept(limit: number, after = 0): KeptEntry[] {
    const sql = `${entries(imageColumns)} join image on image.blob = standing.blob
      where standing.state = 'fetched' and candidate.id > ? order by candidate.id limit ?`
    return this.#database.all(sql, after, limit).map(keptEntryOf)
  }

  /**
   * What tells kept images apart, of all of them, in the order in which they were found. What people took out is not
   * among them, so that nothing gives way to it.
   */
  fingerprints(): Fingerprint[] {
    const sql = `select candidate.id, image.blob, hash, mirrored_hash as mirroredHash, width * height as pixels
      from candidate join standing on standing.id = candidate.id join image on image.blob = candidate.blob
      where candidate.state = 'fetched' and standing.state = 'fetched' order by candidate.id`
    return this.#database.all(sql).map((row) => fingerprint.parse(row))
  }

  /**
   * Refuses kept candidates in favour of others, all or none: `same-file` for the same bytes, `near-duplicate` for what
   * looks the same. Gives how many changed; one that is not kept does not.
   */
  refuseDuplicates(duplicates: readonly Duplicate[]): number {
    const sql = `update candidate set state = 'refused', reason = ?, duplicate_of = ?, duplicate_blob = blob, blob = null
      where id = ? and state = 'fetched'`
    return this.#database.transaction(() =>
      duplicates.reduce((changed, { id, of, reason }) => changed + this.#database.run(sql, reason, of, id), 0),
    )
  }

  /** When the next waiting candidate is due, in ms since 1970; null when none waits. */
  nextDue(): number | null {
    const sql = `select min(next_try) as time from candidate where state = 'waiting'`
    return z.object({ time: z.int().nullable() }).parse(this.#database.get(sql)).time
  }

  /**
   * Records what a fetch came to. Only a waiting candidate changes, so an outcome that arrives twice counts once;
   * gives whether it changed. Throws ConfigError (`invalid-settings`) for a malformed outcome.
   */
  recordOutcome(id: number, input: Outcome): boolean {
    const result = resolve(outcome, input, `outcome of candidate ${id}`)
    const reason = result.state === 'fetched' ? null : result.reason
    const nextTry = result.state === 'waiting' ? result.nextTry : 0
    const blob = result.state === 'fetched' ? result.blob : null
    const alt = result.state === 'fetched' ? (result.pageAlt ?? null) : null
    const sql = `update candidate set state = ?, reason = ?, next_try = ?, blob = ?, page_alt = ?, attempts = attempts + 1
      where id = ? and state = 'waiting'`
    return this.#database.transaction(() => {
      if (result.state === 'fetched') {
        this.#addImage(result.blob, result.image)
        if (result.quality !== undefined) this.scores.add(result.blob, result.quality)
      }
      return this.#database.run(sql, result.state, reason, nextTry, blob, alt, id) === 1
    })
  }

  /** How far the set has come; what people took out counts as refused. */
  counts(): LedgerCounts {
    const byState = this.#counted('select state as name, count(*) as count from standing group by state')
    const refusals = this.#counted(
      `select reason as name, count(*) as count from standing where state = 'refused'
        group by reason order by count desc, name`,
    )
    const hits = this.#total('hit')
    return {
      searches: this.#total('search'),
      states: Object.fromEntries(
        states.map((state) => [state, byState.find(({ name }) => name === state)?.count ?? 0]),
      ) as LedgerCounts['states'],
      refusals: refusals.map(({ name, count }) => ({ reason: name, count })),
      duplicates: total.parse(
        this.#database.get(
          `select count(*) as count from standing where state = 'refused' and duplicate_of is not null`,
        ),
      ).count,
      repeated: hits - this.#total('candidate'),
    }
  }

  /**
   * Refused candidates, the first few of each reason in the order in which they were found, with their files where they
   * were fetched.
   */
  refused(perReason: number): Refused[] {
    const sql = `select reason, url_key as url, blob from
      (select *, row_number() over (partition by reason order by id) as place from standing where state = 'refused')
      where place <= ? order by reason, id`
    return this.#database.all(sql, perReason).map((row) => refusedRow.parse(row))
  }

  /** Closes the file and lets others open it. Closing again does nothing. */
  async close(): Promise<void> {
    this.#database.close()
    await this.#lock.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #addHits({ source, query }: Search, hits: readonly Candidate[]): number {
    let added = 0
    for (const { rank, ...facts } of hits) {
      const key = urlKey(facts.url)
      added += this.#database.run('insert or ignore into candidate (url_key) values (?)', key)
      this.#database.run(
        `insert into hit (search, rank, candidate, facts) select search.id, ?, candidate.id, ? from search, candidate
          where source = ? and query = ? and url_key = ?`,
        rank,
        JSON.stringify(facts),
        source,
        query,
        key,
      )
    }
    return added
  }

  #addImage(blob: string, { format, size, width, height, hash, mirroredHash }: ImageFacts): void {
    const sql = `insert or ignore into image (blob, format, size, width, height, hash, mirrored_hash)
      values (?, ?, ?, ?, ?, ?, ?)`
    this.#database.run(sql, blob, format, size, width, height, hash, mirroredHash)
  }

  #counted(sql: string): z.output<typeof counted>[] {
    return this.#database.all(sql).map((row) => counted.parse(row))
  }

  #total(table: 'search' | 'hit' | 'candidate'): number {
    return total.parse(this.#database.get(`select count(*) as count from ${table}`)).count
  }
}
