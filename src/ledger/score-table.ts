import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import type { SuspicionKind } from '../quality/suspicion.ts'
import type { LedgerDatabase } from './database.ts'
import { type ImageFacts, type Quality, quality } from './progress.ts'

/** Facts of an image that another way to measure may give anew. */
export interface Remeasured extends Pick<ImageFacts, 'hash' | 'mirroredHash'> {
  readonly quality: Quality
}

const counted = z.object({ watermark: z.int(), clipArt: z.int(), littleDetail: z.int() })
const blobRow = z.object({ blob: z.string() })

/** What was measured of the images of a ledger, a row for each file. Throws as the ledger does. */
export class ScoreTable {
  readonly #database: LedgerDatabase

  /** Made by the ledger. */
  constructor(database: LedgerDatabase) {
    this.#database = database
  }

  /** How many candidates that count as kept are suspected of each kind at least so much. */
  counts(least: Readonly<Record<SuspicionKind, number>>): Record<SuspicionKind, number> {
    const sql = `select count(*) filter (where watermark >= ?) as watermark,
      count(*) filter (where clip_art >= ?) as clipArt, count(*) filter (where little_detail >= ?) as littleDetail
      from standing join score on score.blob = standing.blob where state = 'fetched'`
    return counted.parse(this.#database.get(sql, least.watermark, least.clipArt, least.littleDetail))
  }

  /** Files that nobody measured in this way yet, in the order of their SHA-256. */
  unmeasured(measure: number, limit: number, after = ''): string[] {
    const sql = `select image.blob from image left join score on score.blob = image.blob
      where image.blob > ? and score.measure is not ? order by image.blob limit ?`
    return this.#database.all(sql, after, measure, limit).map((row) => blobRow.parse(row).blob)
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
  add(blob: string, { measure, scores, suspicion }: Quality): void {
    const sql = `insert or replace into score (blob, measure, sharpness, entropy, flat_area, distinct_colours, borders,
      text_overlay, repeated_pattern, watermark, clip_art, little_detail) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    this.#database.run(
      sql,
      ...[blob, measure, scores.sharpness, scores.entropy, scores.flatArea, scores.distinctColours, scores.borders],
      ...[scores.textOverlay, scores.repeatedPattern, suspicion.watermark, suspicion.clipArt, suspicion.littleDetail],
    )
  }
}
