import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { type StudyRecord, studyRecord, studyRecordFile } from './study-record.ts'

/** Record of a study's folder. Throws ArtefactError (`study-file-missing`, `study-record-invalid`). */
export async function readStudyRecord(folder: string): Promise<StudyRecord> {
  const path = join(folder, studyRecordFile)
  const text = await readStudyFile(path)
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

/** A file that a study's record names. Throws ArtefactError (`study-file-missing`). */
export async function readStudyFile(path: string): Promise<Buffer> {
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
