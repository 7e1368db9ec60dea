import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import { type BestRecord, writeRunRecord } from '../artefact/record.ts'
import { ArtefactError } from '../errors/index.ts'
import type { TrainResult } from '../protocol/results.ts'
import { recordOfBest } from './best.ts'
import { ChainedRun } from './chained-run.ts'
import { type FinishedTraining, trainRunOf } from './finished-training.ts'
import { JobRun } from './job-run.ts'
import type { Base, CallOptions, LabEnvironment } from './lab.ts'
import { type SelectionPlace, trainByMetric } from './selected-training.ts'
import type { TrainPlan } from './train.ts'
import type { TrainEvent, TrainRun } from './training.ts'
import { openResult, recordOf } from './training-record.ts'

/** What a training needs of its lab. */
export interface TrainPlace extends SelectionPlace {
  readonly environment: () => LabEnvironment
}

/** Runs a training and writes its record when it is finished. */
export function startTraining(
  plan: TrainPlan,
  place: TrainPlace,
  { signal }: CallOptions,
): TrainRun<Adapter | ControlNet | Base> {
  const { job } = plan
  const folder = job.output
  const finish = async (result: TrainResult, best: BestRecord | null): Promise<FinishedTraining> => {
    const record = await recordOf(plan, result, best, place.environment())
    const trained = await openResult(result, join(folder, record.result.path), place)
    await writeRunRecord(folder, record)
    return { record, trained }
  }
  const { best } = plan
  const run =
    best === null
      ? new JobRun<TrainResult, FinishedTraining>({
          signal,
          prepare: () => makeFolder(folder),
          submit: () => place.submit(plan),
          finish: (result) => finish(result, job.heldOut?.best ? { type: 'held-out-loss', ...job.heldOut.best } : null),
        })
      : new ChainedRun<FinishedTraining, TrainEvent>(async (chain) => {
          await makeFolder(folder)
          const { result, values } = await trainByMetric(plan, best, place, chain)
          return finish(result, recordOfBest(best, values))
        }, signal)
  return trainRunOf({ name: job.name, folder }, run)
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'folder-unusable',
      message: `${folder} cannot be made. Make its parent writable, or name another folder.`,
      facts: { folder },
      cause,
    })
  })
}
