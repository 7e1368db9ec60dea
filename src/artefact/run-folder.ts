import { join } from 'node:path'

/** Names of the files and folders of a training's run folder. The worker writes all of them but `record`. */
export const runFiles = Object.freeze({
  /** Settings, hashes, versions and result of a finished training; written last. */
  record: 'run.json',
  /** JSON lines, one optimizer step each. */
  series: 'series.jsonl',
  /** A folder per whole checkpoint. */
  checkpoints: 'checkpoints',
  /** Pictures drawn on the way. */
  previews: 'previews',
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

/** Path of a file of a run. */
export function runFile(folder: string, file: keyof typeof runFiles): string {
  return join(folder, runFiles[file])
}
