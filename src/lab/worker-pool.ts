import type { Job } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import type { RunStream, Worker } from '../worker/index.ts'

/** Workers that take jobs in turn: each goes to the one that has the fewest. */
export class WorkerPool {
  readonly workers: readonly Worker[]
  readonly #jobs: number[]

  constructor(workers: readonly Worker[]) {
    this.workers = workers
    this.#jobs = workers.map(() => 0)
  }

  submit<Submitted extends Job>(job: Submitted): RunStream<ResultOf<Submitted['type']>> {
    const index = this.#jobs.indexOf(Math.min(...this.#jobs))
    const stream = (this.workers[index] as Worker).submit(job)
    const count = (change: number): void => {
      this.#jobs[index] = (this.#jobs[index] ?? 0) + change
    }
    count(1)
    const done = (): void => count(-1)
    stream.result.then(done, done)
    return stream
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()))
  }
}
