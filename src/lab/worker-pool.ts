import type { Job } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import type { RunStream, Worker } from '../worker/index.ts'

/** Workers that take jobs in turn: each goes to one that has the fewest, if it can to one that has its base loaded. */
export class WorkerPool {
  readonly workers: readonly Worker[]
  readonly #jobs: number[]
  /** Base of each worker's newest job. */
  readonly #bases: (string | null)[]

  constructor(workers: readonly Worker[]) {
    this.workers = workers
    this.#jobs = workers.map(() => 0)
    this.#bases = workers.map(() => null)
  }

  submit<Submitted extends Job>(job: Submitted): RunStream<ResultOf<Submitted['type']>> {
    const base = 'base' in job && typeof job.base === 'string' ? job.base : null
    const index = this.#choose(base)
    this.#bases[index] = base ?? this.#bases[index] ?? null
    const stream = (this.workers[index] as Worker).submit(job)
    const count = (change: number): void => {
      this.#jobs[index] = (this.#jobs[index] ?? 0) + change
    }
    count(1)
    const done = (): void => count(-1)
    stream.result.then(done, done)
    return stream
  }

  #choose(base: string | null): number {
    const fewest = Math.min(...this.#jobs)
    const free = [...this.#jobs.keys()].filter((index) => this.#jobs[index] === fewest)
    return free.find((index) => base !== null && this.#bases[index] === base) ?? free[0] ?? 0
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()))
  }
}
