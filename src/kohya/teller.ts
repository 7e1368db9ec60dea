import type { JobEvent } from '../protocol/events.ts'
import type { TrainResult } from '../protocol/results.ts'
import type { Run } from '../worker/run.ts'
import type { Report } from './reports.ts'

const remedies = {
  'loss-not-finite': ' Lower the learning rate, and train into a new folder.',
  'written-differently': ' Check the disk, and train again: it goes on from its last checkpoint.',
  'python-exception': '',
} as const

/** Tells a run what its worker would tell it. */
export class Teller {
  readonly #run: Run
  #sequence = 0
  readonly #began = performance.now()

  constructor(run: Run) {
    this.#run = run
  }

  /** An event; a picture comes with its pixels, RGB. */
  event(event: JobEvent, pixels?: Uint8Array): void {
    const blobs = pixels === undefined ? [] : [{ dtype: 'uint8' as const, shape: [pixels.length] }]
    this.#run.receive({ type: 'event', ...this.#next(), event, blobs }, pixels === undefined ? [] : [pixels])
  }

  done(result: TrainResult): void {
    this.#run.receive({ type: 'done', ...this.#next(), result }, [])
  }

  /** Ended on request, after a checkpoint if there is one. */
  cancelled(checkpoint: string | null): void {
    const milliseconds = performance.now() - this.#began
    const outcome = { level: 'cooperative' as const, milliseconds, resumable: checkpoint !== null, checkpoint }
    this.#run.receive({ type: 'cancelled', ...this.#next(), ...outcome }, [])
  }

  failed({ code, message, traceback }: Extract<Report, { type: 'failed' }>): void {
    const error = {
      place: 'job' as const,
      code,
      message: `${message}${remedies[code]}`,
      facts: { engine: 'kohya' },
      className: message.split(':')[0] ?? '',
      traceback,
      causes: [],
      logLines: [],
      retryable: false,
    }
    this.#run.receive({ type: 'failed', ...this.#next(), error }, [])
  }

  #next(): { epoch: string; jobId: string; sequence: number; droppedProgress: number } {
    this.#sequence += 1
    return { epoch: '', jobId: this.#run.jobId, sequence: this.#sequence, droppedProgress: 0 }
  }
}
