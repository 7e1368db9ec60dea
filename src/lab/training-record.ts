import { basename, isAbsolute, relative } from 'node:path'
import { type Adapter, openAdapter } from '../artefact/adapter.ts'
import { type ControlNet, openControlNet } from '../artefact/control-net.ts'
import type { BestRecord, RunRecord } from '../artefact/record.ts'
import { ArtefactError } from '../errors/index.ts'
import { readProvenance } from '../kohya/index.ts'
import type { TrainResult } from '../protocol/results.ts'
import type { Base, LabEnvironment } from './lab.ts'
import type { TrainPlan } from './train.ts'

/** What opening a result needs of its lab. */
export interface ResultPlace {
  readonly openBase: (folder: string) => Promise<Base>
}

/** Opens what was trained, and refuses it when it is not what the training wrote. */
export async function openResult(
  { kind, sha256 }: TrainResult,
  path: string,
  { openBase }: ResultPlace,
): Promise<Adapter | ControlNet | Base> {
  // The identity of a ControlNet is over its numbers, which only the worker reads; there it was compared.
  if (kind === 'control-net') return openControlNet(path)
  const trained = kind === 'base' ? await openBase(path) : await openAdapter(path)
  const found = 'description' in trained ? trained.description.sha256 : trained.sha256
  if (found !== sha256) {
    throw new ArtefactError({
      code: 'changed-file',
      message: `${path} is not what the training wrote there: its SHA-256 is ${found}, not ${sha256}. Put the file back, or train into a new folder.`,
      facts: { path, found, expected: sha256 },
    })
  }
  return trained
}

/**
 * What is written down of a finished training.
 *
 * @param best what chose its weights, if anything did
 */
export async function recordOf(
  plan: TrainPlan,
  trained: TrainResult,
  best: BestRecord | null,
  own: LabEnvironment,
): Promise<RunRecord> {
  const { job, base, subsets, engine: foreign, config } = plan
  const on =
    foreign === null ? { ...own, revision: '' } : { ...(await readProvenance(job.output)), requirementsSha256: null }
  return {
    format: 'phalanx-run',
    version: 1,
    name: job.name,
    config,
    settings: job.settings,
    base: { name: base.name, sha256: base.description.sha256 },
    subsets: subsets.map(({ dataset, ...how }) => ({
      ...how,
      dataset: { sha256: dataset.sha256, images: dataset.items.length },
    })),
    engine: foreign === null ? 'phalanx' : `kohya@${on.revision}`,
    versions: { ...on.versions },
    device: on.device,
    requirementsSha256: on.requirementsSha256,
    best,
    result: outcomeOf(trained, job.output),
  }
}

/** A result whose paths are relative to a folder. */
export function outcomeOf({ type: _type, path, series, ...result }: TrainResult, folder: string): RunRecord['result'] {
  return { ...result, path: within(folder, path), series: within(folder, series) }
}

/** Relative to the folder, also when the folder was moved since the worker wrote the path down. */
function within(folder: string, path: string): string {
  const inside = isAbsolute(path) ? relative(folder, path) : path
  return inside.startsWith('..') ? basename(path) : inside
}
