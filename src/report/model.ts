import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { z } from 'zod'
import { readSeries } from '../artefact/series.ts'
import { type StudyImage, type StudyRecord, studyRecord, studyRecordFile } from '../artefact/study-record.ts'
import { ArtefactError } from '../errors/index.ts'
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
  return { study, headline: writeHeadline(study), images, losses }
}

async function readStudyRecord(folder: string): Promise<StudyRecord> {
  const path = join(folder, studyRecordFile)
  const text = await readNamedFile(path)
  try {
    return studyRecord.parse(JSON.parse(text.toString('utf8')))
  } catch (cause) {
    const detail = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new ArtefactError({
      code: 'study-record-invalid',
      message: `${path} is no study record of this version:\n${detail}\nRun the study again to write it anew.`,
      facts: { path },
      cause,
    })
  }
}

async function inlineImage(path: string): Promise<string> {
  const bytes = await readNamedFile(path)
  if (bytes.length <= inlineBytes) return `data:image/png;base64,${bytes.toString('base64')}`
  const smaller = await sharp(bytes).webp({ quality: 92 }).toBuffer()
  return `data:image/webp;base64,${smaller.toString('base64')}`
}

async function readNamedFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new ArtefactError({
      code: 'study-file-missing',
      message: `${path} cannot be read. Give the folder of a study, or run the study again to restore it.`,
      facts: { path },
      cause,
    })
  }
}
