import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import type { RunRecord } from '../artefact/record.ts'
import type { Base, LabRun } from './lab.ts'
import type { TrainEvent, TrainRun } from './training.ts'

/** What is there when a training is finished. */
export interface FinishedTraining {
  readonly record: RunRecord
  readonly trained: Adapter | ControlNet | Base
}

/** The handle of a training, whose result and record come from one run. */
export function trainRunOf(
  { name, folder }: { readonly name: string; readonly folder: string },
  run: LabRun<FinishedTraining, TrainEvent>,
): TrainRun<FinishedTraining['trained']> {
  const result = run.result.then(({ trained }) => trained)
  const record = run.result.then((finished) => finished.record)
  // A failure is told by the result; nobody has to ask for the record too.
  record.catch(() => undefined)
  return {
    name,
    folder,
    record,
    result,
    cancel: (reason) => run.cancel(reason),
    // biome-ignore lint/suspicious/noThenProperty: a run is awaitable, as the interface says.
    then: (onFulfilled, onRejected) => result.then(onFulfilled, onRejected),
    async *[Symbol.asyncIterator]() {
      result.catch(() => undefined)
      yield* run
    },
  }
}
