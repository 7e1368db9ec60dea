import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { metricRecord } from './study-record.ts'

/** Name of the file in a rating's folder that holds its {@link RatingRecord}; it is there when the rating is closed. */
export const ratingRecordFile = 'rating.json'

const count = z.int().min(0)
const estimate = z.strictObject({ value: z.number(), low: z.number(), high: z.number(), method: z.string() })

const raterRecord = z.strictObject({
  /** A number in place of the name. */
  rater: count,
  votes: count,
  /** False when too many catch pairs were not seen; then none of the votes is counted. */
  counted: z.boolean(),
  catches: z.strictObject({ right: count, shown: count }),
  /** Repeats answered as the first time. */
  repeats: z.strictObject({ same: count, shown: count }),
  /** Votes faster than anyone can look at two images. */
  hasty: count,
  medianSeconds: z.number(),
  /** Share of decided pairs in which the left side was chosen; null where nothing was decided. */
  left: estimate.nullable(),
})
export type RaterRecord = z.output<typeof raterRecord>

/** Direct comparisons of two arms. */
const comparison = z.strictObject({
  first: z.string(),
  second: z.string(),
  firstChosen: count,
  secondChosen: count,
  ties: count,
  bothBad: count,
})
export type Comparison = z.output<typeof comparison>

/** What a closed rating found. */
export const ratingRecord = z.strictObject({
  format: z.literal('phalanx-rating'),
  version: z.literal(1),
  name: z.string(),
  mode: z.enum(['pairs', 'count']),
  question: z.string(),
  /** SHA-256 of the study's plan when the rating began. */
  plan: z.string(),
  /** SHA-256 of the protocol. */
  protocol: z.string(),
  items: count,
  /** Pairs that nobody was shown because both sides are one picture. */
  identicalPairs: count,
  raters: z.array(raterRecord),
  /** The arms' results, as those of a metric. */
  metric: metricRecord,
  comparisons: z.array(comparison),
  /** Krippendorff's alpha between raters; null with a reason where it cannot be known. */
  agreement: estimate.nullable(),
  agreementReason: z.string().nullable(),
  /** How often what is measured in an image sides with the raters; 0.5 is chance. */
  measures: z.array(
    z.strictObject({ label: z.string(), estimate: estimate.nullable(), reason: z.string().nullable() }),
  ),
})
export type RatingRecord = z.output<typeof ratingRecord>

/** Ending of a folder of ratings; no study has it. */
export const ratingsEnding = '.ratings'

/**
 * Folder of a study's ratings. It lies beside the study's folder, which is written anew by every run; what people said
 * is not.
 */
export function ratingsOf(study: string): string {
  return `${resolve(study)}${ratingsEnding}`
}

/** Results of all closed ratings of a study, by name. Throws ArtefactError (`broken-rating`). */
export async function readRatings(study: string): Promise<RatingRecord[]> {
  const names = await readdir(ratingsOf(study)).catch(() => [])
  const found = await Promise.all(names.sort().map((name) => readRating(join(ratingsOf(study), name))))
  return found.filter((rating) => rating !== null)
}

/** Results of the rating in a folder; null while it is open. Throws ArtefactError (`broken-rating`). */
export async function readRating(folder: string): Promise<RatingRecord | null> {
  const path = join(folder, ratingRecordFile)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    return ratingRecord.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArtefactError({
      code: 'broken-rating',
      message: `${path} is no result of a rating. Delete it and close the rating again: phalanx rate <folder> --close.`,
      facts: { path },
      cause,
    })
  }
}
