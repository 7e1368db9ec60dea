import { join } from 'node:path'
import sharp from 'sharp'
import { type RatingRecord, readRatings } from '../artefact/rating-record.ts'
import { readStudyFile, readStudyRecord } from '../artefact/read-study.ts'
import { readSeries } from '../artefact/series.ts'
import type { StudyImage, StudyRecord } from '../artefact/study-record.ts'
import { type Headline, writeHeadline } from './headline.ts'

/** An image with its pixels as a data URI. */
export interface ReportImage extends StudyImage {
  readonly source: string
}

/** The loss of one step of a training. */
export interface LossPoint {
  readonly step: number
  readonly loss: number
}

/** Everything the page shows, read from a study's folder. */
export interface ReportModel {
  readonly study: StudyRecord
  readonly headline: Headline
  /** What people said, of closed ratings. */
  readonly ratings: readonly RatingRecord[]
  readonly images: readonly ReportImage[]
  /** Loss series by the training's key. */
  readonly losses: ReadonlyMap<string, readonly LossPoint[]>
}

/** Files above this size are inlined as WebP instead of as they are. */
const inlineBytes = 48_000

/** Reads a study's folder. Throws ArtefactError when it has no valid record or lacks a file that the record names. */
export async function readReportModel(folder: string): Promise<ReportModel> {
  const study = await readStudyRecord(folder)
  const images: ReportImage[] = []
  for (const image of study.images) images.push({ ...image, source: await inlineImage(join(folder, image.file)) })
  const losses = new Map<string, LossPoint[]>()
  for (const training of study.trainings) {
    const lines = await readSeries(join(folder, training.series))
    // A step that was skipped has no loss.
    losses.set(
      training.key,
      lines.flatMap(({ step, loss }) => (loss === null ? [] : [{ step, loss }])),
    )
  }
  return { ratings: await readRatings(folder), study, headline: writeHeadline(study), images, losses }
}

async function inlineImage(path: string): Promise<string> {
  const bytes = await readStudyFile(path)
  if (bytes.length <= inlineBytes) return `data:image/png;base64,${bytes.toString('base64')}`
  const smaller = await sharp(bytes).webp({ quality: 92 }).toBuffer()
  return `data:image/webp;base64,${smaller.toString('base64')}`
}
