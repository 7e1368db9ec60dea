import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { trainingOutcome } from './record.ts'
import { runFile } from './run-folder.ts'

const measurement = z.strictObject({
  step: z.int().min(1),
  value: z.number(),
  /** What the training would give if it ended here; its path is a name within the folder of the step's result. */
  result: trainingOutcome,
})
/** What a metric found after a step. */
export type Measurement = z.output<typeof measurement>

const measurementsFile = z.strictObject({
  format: z.literal('phalanx-measurements'),
  version: z.literal(1),
  /** Content id of the training and of what chooses its result. */
  config: z.string(),
  /** SHA-256 of the files that decide the values, by what they are. */
  inputs: z.record(z.string(), z.string()),
  /** In the order of their steps. */
  measurements: z.array(measurement),
})
/** What a metric found in a training so far, and for which training. */
export type Measurements = Omit<z.output<typeof measurementsFile>, 'format' | 'version'>

/**
 * Reads what is there for the same training; null when nothing is.
 * Throws ArtefactError (`broken-measurements`, `config-changed`).
 */
export async function readMeasurements(
  folder: string,
  { config, inputs }: Pick<Measurements, 'config' | 'inputs'>,
): Promise<Measurements | null> {
  const path = runFile(folder, 'measurements')
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  const found = parsed(text, path)
  const names = new Set([...Object.keys(found.inputs), ...Object.keys(inputs)])
  const changed = [...names].filter((name) => found.inputs[name] !== inputs[name])
  if (found.config === config && changed.length === 0) return found
  throw new ArtefactError({
    code: 'config-changed',
    message: `${folder} holds a training ${changed.length === 0 ? 'with other settings, base or dataset, or another metric' : `that was measured with another ${changed.join(' and ')}`}. Train into a new folder, or go back to what it was started with.`,
    facts: { folder, changed },
  })
}

/** Writes all of it, whole or not at all. Rejects with the file system's error. */
export function writeMeasurements(folder: string, content: Measurements): Promise<void> {
  const file: z.output<typeof measurementsFile> = { format: 'phalanx-measurements', version: 1, ...content }
  return atomicWrite(runFile(folder, 'measurements'), `${JSON.stringify(file, null, 2)}\n`)
}

function parsed(text: string, path: string): Measurements {
  try {
    return measurementsFile.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArtefactError({
      code: 'broken-measurements',
      message: `${path} is not what a metric found in a training of this version. Train into a new folder.`,
      facts: { path },
      cause,
    })
  }
}
