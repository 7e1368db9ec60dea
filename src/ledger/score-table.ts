import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { qualityScores } from '../quality/scores.ts'
import { type SuspicionKind, suspicion } from '../quality/suspicion.ts'
import type { LedgerDatabase } from './database.ts'
import { type KeptEntry, keptEntryOf, selectKept } from './entry.ts'
import { type Quality, quality } from './progress.ts'

/** What a kept candidate's image is suspected of, and what was measured of it. */
export interface ScoredEntry extends KeptEntry {
  readonly quality: Quality
}

/** A kind of suspicion, or the highest of all. */
export type SuspicionOrder = SuspicionKind | 'any'

/** Where a page of scored candidates begins and how long it is. */
export interface ScoredPage {
  /** What the most suspected come first by. */
  readonly by: SuspicionOrder
  readonly limit: number
  /** The last one of the page before; without it the first page. */
  readonly after?: ScoredEntry | undefined
}

/** Facts of an image that another way to measure may give anew. */
export interface Remeasured {
  readonly hash: string
  readonly mirroredHash: string
  readonly quality: Quality
}

const columns: Readonly<Record<SuspicionOrder, string>> = {
  watermark: 'watermark',
  clipArt: 'clip_art',
  littleDetail: 'little_detail',
  any: 'suspicion',
}
const scoreColumns = [
  ...[
    'measure',
    'sharpness',
    'entropy',
    'flat_area',
    'distinct_colours',
    'borders',
    'text_overlay',
    'repeated_pattern',
  ],
  ...['watermark', 'clip_art', 'little_detail'],
] as const
const row = z.object({
  measure: z.int(),
  sharpness: z.number(),
  entropy: z.number(),
  flat_area: z.number(),
  distinct_colours: z.int(),
  borders: z.number(),
  text_overlay: z.number(),
  repeated_pattern: z.number(),
  watermark: z.number(),
  clip_art: z.number(),
  little_detail: z.number(),
})

/** What was measured of the images of a ledger, one row per file. Throws as the ledger does. */
export class ScoreTable {
  readonly #database: LedgerDatabase

  /** Made by the ledger. */
  constructor(database: LedgerDatabase) {
    this.#database = database
  }

  /** Kept candidates that were measured, the most suspected first and the first found first among equals. */
  page({ by, limit, after }: ScoredPage): ScoredEntry[] {
    const name = `score.${columns[by]}`
    const select = `${selectKept(scoreColumns.map((column) => `score.${column}`))} join score on score.blob = candidate.blob`
    const order = `order by ${name} desc, candidate.id limit ?`
    if (after === undefined)
      return this.#database.all(`${select} where candidate.state = 'fetched' ${order}`, limit).map(scoredEntryOf)
    const value = suspicionBy(after.quality.suspicion, by)
    const sql = `${select} where candidate.state = 'fetched' and ${name} <= ? and (${name} < ? or candidate.id > ?) ${order}`
    return this.#database.all(sql, value, value, after.id, limit).map(scoredEntryOf)
  }

  /** How many kept candidates are suspected of a kind at least so much. */
  count(kind: SuspicionKind, least: number): number {
    const sql = `select count(*) as count from candidate join score on score.blob = candidate.blob
      where state = 'fetched' and score.${columns[kind]} >= ?`
    return z.object({ count: z.int() }).parse(this.#database.get(sql, least)).count
  }

  /** Files that nobody measured in this way yet, those of kept candidates alone, in the order of their SHA-256. */
  unmeasured(measure: number, limit: number, after = ''): string[] {
    const sql = `select distinct candidate.blob from candidate left join score on score.blob = candidate.blob
      where candidate.state = 'fetched' and candidate.blob > ? and score.measure is not ? order by candidate.blob limit ?`
    return this.#database.all(sql, after, measure, limit).map((one) => z.object({ blob: z.string() }).parse(one).blob)
  }

  /** Records what was measured of a file anew. Throws ConfigError (`invalid-settings`) for what is malformed. */
  remeasure(blob: string, { hash, mirroredHash, quality: input }: Remeasured): void {
    const measured = resolve(quality, input, `quality of ${blob}`)
    this.#database.transaction(() => {
      this.#database.run('update image set hash = ?, mirrored_hash = ? where blob = ?', hash, mirroredHash, blob)
      this.add(blob, measured)
    })
  }

  /** Puts what was measured of a file in the place of what was before, within the caller's transaction. */
  add(blob: string, { measure, scores, suspicion: suspected }: Quality): void {
    const sql = `insert or replace into score (blob, ${scoreColumns.join(', ')}, suspicion)
      values (?${', ?'.repeat(scoreColumns.length + 1)})`
    this.#database.run(
      sql,
      ...[blob, measure, scores.sharpness, scores.entropy, scores.flatArea, scores.distinctColours, scores.borders],
      ...[scores.textOverlay, scores.repeatedPattern, suspected.watermark, suspected.clipArt, suspected.littleDetail],
      suspicionBy(suspected, 'any'),
    )
  }
}

function suspicionBy(suspected: Quality['suspicion'], by: SuspicionOrder): number {
  return by === 'any' ? Math.max(...Object.values(suspected)) : suspected[by]
}

function scoredEntryOf(input: unknown): ScoredEntry {
  const { measure, watermark, clip_art: clipArt, little_detail: littleDetail, ...scores } = row.parse(input)
  return {
    ...keptEntryOf(input),
    quality: {
      measure,
      scores: qualityScores.parse({
        ...{ sharpness: scores.sharpness, entropy: scores.entropy, borders: scores.borders },
        ...{ flatArea: scores.flat_area, distinctColours: scores.distinct_colours },
        ...{ textOverlay: scores.text_overlay, repeatedPattern: scores.repeated_pattern },
      }),
      suspicion: suspicion.parse({ watermark, clipArt, littleDetail }),
    },
  }
}
