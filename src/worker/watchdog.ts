import type { WorkerSettings } from '../config/worker.ts'
import { WorkerError } from '../errors/index.ts'
import type { Run } from './run.ts'

const tickMilliseconds = 200

/** Notices a job that makes no progress; each phase has its own limit. Jobs that have not begun are not counted. */
export class Watchdog {
  readonly #limits: WorkerSettings['watchdogSeconds']
  readonly #runs: () => Iterable<Run>
  readonly #onStall: (error: WorkerError) => void
  readonly #timer: NodeJS.Timeout
  #lastTick = performance.now()

  constructor(
    limits: WorkerSettings['watchdogSeconds'],
    runs: () => Iterable<Run>,
    onStall: (error: WorkerError) => void,
  ) {
    this.#limits = limits
    this.#runs = runs
    this.#onStall = onStall
    this.#timer = setInterval(() => this.#tick(), tickMilliseconds)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const now = performance.now()
    // A machine that slept or a busy event loop is no silence of the worker.
    const elapsed = Math.min(now - this.#lastTick, 2 * tickMilliseconds)
    this.#lastTick = now
    for (const run of this.#runs()) {
      if (run.phase === null) continue
      run.idleMilliseconds += elapsed
      const limit = this.#limits[run.phase]
      if (run.idleMilliseconds > limit * 1000) {
        this.#onStall(stalled(run, limit))
        return
      }
    }
  }
}

function stalled({ jobId, phase }: Run, seconds: number): WorkerError {
  return new WorkerError({
    code: 'job-stalled',
    message: `A job made no progress for ${seconds} s while ${phase}. If the work is slow rather than stuck, raise watchdogSeconds.${phase}.`,
    facts: { jobId, phase, seconds },
  })
}
