import type { WorkerSettings } from '../config/worker.ts'
import { WorkerError } from '../errors/index.ts'
import type { Job } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import { Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import { newRun } from './new-run.ts'
import type { Run } from './run.ts'
import type { RunStream, SubmitOptions, Worker, WorkerIdentity, WorkerStatus } from './worker.ts'

/** A worker that somebody else started: used, but neither ended nor replaced. */
export class AttachedWorker implements Worker {
  readonly identity: WorkerIdentity
  readonly #settings: WorkerSettings
  readonly #connection: Connection
  readonly #runs = new Set<Run>()
  #lost: WorkerError | null = null

  private constructor(identity: WorkerIdentity, settings: WorkerSettings, connection: Connection) {
    this.identity = identity
    this.#settings = settings
    this.#connection = connection
  }

  static async open(endpoint: Endpoint, settings: WorkerSettings): Promise<AttachedWorker> {
    let end: (error: WorkerError) => void = () => undefined
    const connection = new Connection({ endpoint, settings, kill: null, onLost: (error) => end(error) })
    try {
      const { pid, epoch, device, versions } = await connection.greet(settings.readySeconds * 1000)
      const worker = new AttachedWorker({ pid, epoch, device, versions }, settings, connection)
      end = (error) => worker.#end(error)
      return worker
    } catch (error) {
      connection.close(closedError())
      throw error
    }
  }

  submit<Submitted extends Job>(job: Submitted, options: SubmitOptions = {}): RunStream<ResultOf<Submitted['type']>> {
    return this.#add(newRun(job, this.#settings, options, (run) => this.#settled(run))) as RunStream<
      ResultOf<Submitted['type']>
    >
  }

  follow(jobId: string): RunStream<unknown> {
    return this.#add(newRun(null, this.#settings, { jobId }, (run) => this.#settled(run)))
  }

  status(): Promise<WorkerStatus> {
    return this.#connection.status(this.#settings.heartbeatTimeoutSeconds * 2000)
  }

  ping(): Promise<number> {
    return this.#connection.ping(this.#settings.heartbeatTimeoutSeconds * 2000)
  }

  async close(): Promise<void> {
    this.#end(closedError())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #add(run: Run): Run {
    if (run.settled) return run
    if (this.#lost !== null) {
      run.fail(this.#lost)
      return run
    }
    this.#runs.add(run)
    this.#connection.add(run)
    return run
  }

  #settled(run: Run): void {
    this.#runs.delete(run)
    this.#connection.remove(run)
  }

  #end(error: WorkerError): void {
    this.#lost ??= error
    this.#connection.close(error)
    for (const run of [...this.#runs]) run.fail(error)
  }
}

function closedError(): WorkerError {
  return new WorkerError({ code: 'worker-closed', message: 'The worker was closed. Start or attach to another one.' })
}
