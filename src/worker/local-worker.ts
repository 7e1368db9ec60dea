import type { WorkerSettings } from '../config/worker.ts'
import { type LabError, WorkerError } from '../errors/index.ts'
import type { Job } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import { cancelledError } from './errors-from-wire.ts'
import { Incarnation } from './incarnation.ts'
import { newRun } from './new-run.ts'
import type { Run } from './run.ts'
import type { RunStream, StartWorkerOptions, SubmitOptions, Worker, WorkerIdentity, WorkerStatus } from './worker.ts'

/**
 * A worker that this process started, replaced when it dies: a training job that was interrupted goes on from its last
 * checkpoint on the new one, jobs that had not begun are done there, any other job that had begun fails.
 */
export class LocalWorker implements Worker {
  readonly #options: StartWorkerOptions
  readonly #settings: WorkerSettings
  /** Runs without an end, oldest first. */
  readonly #runs = new Set<Run>()
  #identity: WorkerIdentity
  #current: Incarnation | null = null
  #replacing: Promise<void> | null = null
  #closing: Promise<void> | null = null

  private constructor(options: StartWorkerOptions, settings: WorkerSettings, first: Incarnation) {
    this.#options = options
    this.#settings = settings
    this.#identity = first.identity
    this.#use(first)
  }

  static async open(options: StartWorkerOptions, settings: WorkerSettings): Promise<LocalWorker> {
    return new LocalWorker(options, settings, await Incarnation.start(options, settings))
  }

  get identity(): WorkerIdentity {
    return this.#identity
  }

  submit<Submitted extends Job>(job: Submitted, options: SubmitOptions = {}): RunStream<ResultOf<Submitted['type']>> {
    return this.#add(newRun(job, this.#settings, options, (run) => this.#settled(run))) as RunStream<
      ResultOf<Submitted['type']>
    >
  }

  follow(jobId: string): RunStream<unknown> {
    return this.#add(newRun(null, this.#settings, { jobId }, (run) => this.#settled(run)))
  }

  async status(): Promise<WorkerStatus> {
    return (await this.#connected()).status(this.#settings.heartbeatTimeoutSeconds * 2000)
  }

  async ping(): Promise<number> {
    return (await this.#connected()).ping(this.#settings.heartbeatTimeoutSeconds * 2000)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #add(run: Run): Run {
    if (run.settled) return run
    if (this.#closing !== null) {
      run.fail(closedError())
      return run
    }
    this.#runs.add(run)
    if (this.#current !== null) this.#current.connection.add(run)
    else this.#replace()
    return run
  }

  async #connected(): Promise<Incarnation['connection']> {
    if (this.#current === null && this.#closing === null) this.#replace()
    await this.#replacing
    if (this.#current === null) throw closedError()
    return this.#current.connection
  }

  #use(incarnation: Incarnation): void {
    this.#current = incarnation
    this.#identity = incarnation.identity
    incarnation.ended.then((reason) => this.#died(incarnation, reason))
    for (const run of this.#runs) incarnation.connection.add(run)
  }

  #settled(run: Run): void {
    this.#runs.delete(run)
    this.#current?.connection.remove(run)
  }

  #died(incarnation: Incarnation, reason: WorkerError): void {
    if (this.#current !== incarnation || this.#closing !== null) return
    this.#current = null
    const runs = [...this.#runs]
    // The oldest counts as begun even when its first event did not get out any more.
    for (const run of runs) this.#decide(run, run.phase !== null || run === runs[0], reason)
    if (this.#runs.size > 0) this.#replace()
  }

  /** What becomes of a run whose worker died. */
  #decide(run: Run, begun: boolean, reason: WorkerError): void {
    const killed = run.ladder.outcome
    if (killed !== null) {
      run.fail(cancelledError(run.jobId, killed, run.ladder.reason))
      return
    }
    const goesOn = begun ? run.job?.type === 'train' && run.deaths < this.#settings.restarts : run.job !== null
    if (this.#settings.restarts === 0 || !goesOn || (begun && run.ladder.requested)) run.fail(reason)
    else if (begun) run.workerReplaced(reason)
  }

  #replace(): void {
    this.#replacing ??= Incarnation.start(this.#options, this.#settings)
      .then(
        async (incarnation) => {
          this.#replacing = null
          if (this.#closing === null) this.#use(incarnation)
          else await incarnation.stop(closedError())
        },
        (error: LabError) => {
          this.#replacing = null
          for (const run of [...this.#runs]) run.fail(error)
        },
      )
      .then(() => undefined)
  }

  async #close(): Promise<void> {
    const error = closedError()
    for (const run of [...this.#runs]) run.fail(error)
    await this.#replacing
    const current = this.#current
    this.#current = null
    await current?.stop(error)
  }
}

function closedError(): WorkerError {
  return new WorkerError({ code: 'worker-closed', message: 'The worker was closed. Start another one.' })
}
