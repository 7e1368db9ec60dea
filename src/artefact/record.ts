import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { patience } from '../config/best.ts'
import { subsetSettings } from '../config/subset.ts'
import { trainingSettings } from '../config/training.ts'
import { ArtefactError } from '../errors/index.ts'
import { trainResult } from '../protocol/results.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { runFile } from './run-folder.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** What came of a training. `path`, the adapter file or the folder of the base, and `series` are relative to its folder. */
export const trainingOutcome = trainResult.omit({ type: true })

const bestRecord = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('held-out-loss'), patience }),
  z.strictObject({
    type: z.literal('metric'),
    name: z.string(),
    /** The metric's settings, of a dataset its hash. */
    metric: z.json(),
    better: z.enum(['higher', 'lower']),
    /** How its pictures were drawn, how often, and when it ends the training. */
    settings: z.json(),
    values: z.array(z.strictObject({ step: z.int(), value: z.number() })),
  }),
])
export type BestRecord = z.output<typeof bestRecord>

/** What a training was, and what came of it: the `run.json` of its folder. */
export const runRecord = z.strictObject({
  format: z.literal('phalanx-run'),
  version: z.literal(1),
  name: z.string(),
  /** Content id of settings, base, subsets and name. */
  config: sha256,
  settings: trainingSettings,
  base: z.strictObject({ name: z.string(), sha256 }),
  /** How each dataset was seen. */
  subsets: z.array(subsetSettings.extend({ dataset: z.strictObject({ sha256, images: z.int() }) })).min(1),
  /** What took the steps: `phalanx`, or `kohya@` and the revision of its checkout. */
  engine: z.string().default('phalanx'),
  /** Versions of what it ran on, by package name. */
  versions: z.record(z.string(), z.string()),
  device: z.string(),
  /** SHA-256 of the worker's requirements; null for an interpreter that was named. */
  requirementsSha256: sha256.nullable(),
  /** What chose the weights of the result; null for the last ones. */
  best: bestRecord.nullable().default(null),
  result: trainingOutcome,
})
export type RunRecord = z.output<typeof runRecord>

/** Writes a run's record whole or not at all. Throws ArtefactError (`write-failed`). */
export async function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  const path = runFile(folder, 'record')
  try {
    await atomicWrite(path, `${JSON.stringify(record, null, 2)}\n`)
  } catch (cause) {
    throw new ArtefactError({
      code: 'write-failed',
      message: `${path} could not be written. Free some space on the disk and make the folder writable, then run the same training again; its result is kept.`,
      facts: { path },
      cause,
    })
  }
}

/** Reads the record of a finished training. Throws ArtefactError (`run-unfinished`, `run-record-invalid`). */
export async function readRunRecord(folder: string): Promise<RunRecord> {
  const path = runFile(folder, 'record')
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'run-unfinished',
      message: `${folder} holds no finished training (no run.json). Run the training again; it goes on from its last checkpoint.`,
      facts: { path },
      cause,
    })
  })
  try {
    return runRecord.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArtefactError({
      code: 'run-record-invalid',
      message: `${path} is not the record of a training by this version of the package. Delete the file and run the training again.`,
      facts: { path },
      cause,
    })
  }
}
