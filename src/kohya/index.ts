import type { WorkerSettings } from '../config/worker.ts'
import { LabError, WorkerError } from '../errors/index.ts'
import type { TrainResult } from '../protocol/results.ts'
import { cancelledError } from '../worker/errors-from-wire.ts'
import type { RunStream } from '../worker/index.ts'
import { newRun } from '../worker/new-run.ts'
import type { Run } from '../worker/run.ts'
import { doTraining, type KohyaRequest } from './kohya-training.ts'

export { expressTraining } from './express.ts'
export { type Provenance, readProvenance } from './owner-file.ts'

/** Trainings that checkouts of sd-scripts do: a process each, one at a time, with the events of a worker's jobs. */
export class KohyaTrainings {
  #last: Promise<void> = Promise.resolve()
  readonly #runs = new Set<Run>()
  readonly #closing = new AbortController()
  readonly #settings: WorkerSettings

  /** `settings` say how long a training may take to stop before it is asked harder. */
  constructor(settings: WorkerSettings) {
    this.#settings = settings
  }

  submit(request: KohyaRequest): RunStream<TrainResult> {
    const run = newRun(request.job, this.#settings, {}, (settled) => this.#runs.delete(settled))
    this.#runs.add(run)
    this.#last = this.#last.then(() => begin(run, request, this.#closing.signal))
    return run as RunStream<TrainResult>
  }

  /** Ends the training that runs, and those that wait. */
  async close(): Promise<void> {
    for (const run of [...this.#runs]) {
      run.fail(new WorkerError({ code: 'worker-closed', message: 'The lab was closed. Open it again and train.' }))
    }
    this.#closing.abort()
    await this.#last
  }
}

async function begin(run: Run, request: KohyaRequest, closing: AbortSignal): Promise<void> {
  if (run.settled) return
  const preparing = new AbortController()
  run.linkTo({ giveCredit: () => undefined, cancel: () => preparing.abort(), kill: null })
  try {
    await doTraining(run, request, { preparing: AbortSignal.any([preparing.signal, closing]), closing })
  } catch (error) {
    const { requested, reason, checkpoint } = run.ladder
    const ended = { level: 'killed', milliseconds: 0, resumable: checkpoint !== null, checkpoint } as const
    run.fail(requested ? cancelledError(run.jobId, run.ladder.outcome ?? ended, reason) : asLabError(error))
  }
}

function asLabError(error: unknown): LabError {
  if (error instanceof LabError) return error
  return new WorkerError({
    code: 'engine-failed',
    message: `sd-scripts could not be driven: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  })
}
