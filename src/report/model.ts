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
  /** Of masked trainings, the loss on the masks and off them, by the training's key; empty for others. */
  readonly maskLosses: ReadonlyMap<string, Readonly<Record<'on' | 'off', readonly LossPoint[]>>>
}

/** Files above this size are inlined as WebP instead of as they are. */
const inlineBytes = 48_000

/** Reads a study's folder. Throws ArtefactError when it has no valid record or lacks a file that the record names. */
export async function readReportModel(folder: string): Promise<ReportModel> {
  const study = await readStudyRecord(folder)
  const images: ReportImage[] = []
  for (const image of study.images) images.push({ ...image, source: await inlineImage(join(folder, image.file)) })
  const losses = new Map<string, LossPoint[]>()
  const maskLosses = new Map<string, Record<'on' | 'off', LossPoint[]>>()
  for (const training of study.trainings) {
    const lines = await readSeries(join(folder, training.series))
    // A step that was skipped has no loss, and one without a masked image none on the masks.
    const pointsOf = (name: 'loss' | 'onMaskLoss' | 'offMaskLoss'): LossPoint[] =>
      lines.flatMap(({ step, [name]: loss }) => (loss === null ? [] : [{ step, loss }]))
    losses.set(training.key, pointsOf('loss'))
    maskLosses.set(training.key, { on: pointsOf('onMaskLoss'), off: pointsOf('offMaskLoss') })
  }
  return { ratings: await readRatings(folder), study, headline: writeHeadline(study), images, losses, maskLosses }
}

async function inlineImage(path: string): Promise<string> {
  const bytes = await readStudyFile(path)
  if (bytes.length <= inlineBytes) return `data:image/png;base64,${bytes.toString('base64')}`
  const smaller = await sharp(bytes).webp({ quality: 92 }).toBuffer()
  return `data:image/webp;base64,${smaller.toString('base64')}`
}
