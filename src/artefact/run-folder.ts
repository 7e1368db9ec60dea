import { join } from 'node:path'

/** Names of the files and folders of a training's run folder. */
export const runFiles = Object.freeze({
  /** Settings, hashes, versions and result of a finished training; written last. */
  record: 'run.json',
  /** JSON lines, one optimizer step each. */
  series: 'series.jsonl',
  /** A folder per whole checkpoint. */
  checkpoints: 'checkpoints',
  /** Pictures drawn on the way. */
  previews: 'previews',
  /** What a metric found on the way; see {@link readMeasurements}. */
  measurements: 'measurements.json',
  /** Pictures it was found on, a folder per step. */
  measured: 'measured',
  /** Results of the steps that a metric looks at, of which the best one becomes that of the training. */
  paused: 'paused',
})

/** Folders of an open lab. */
export const labFolders = Object.freeze({
  lock: '.lock',
  runs: 'runs',
  datasets: 'datasets',
  classImages: 'class-images',
  cells: 'cells',
  studies: 'studies',
})

/** Name of the folder of a step, among checkpoints and the like. */
export function stepFolder(step: number): string {
  return `step-${String(step).padStart(8, '0')}`
}

/** Path of a file of a run. */
export function runFile(folder: string, file: keyof typeof runFiles): string {
  return join(folder, runFiles[file])
}
