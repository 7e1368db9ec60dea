import { JobError } from '../errors/index.ts'
import type { RunEvent } from '../worker/index.ts'
import { Broadcast } from './broadcast.ts'
import type { LabRun } from './lab.ts'

/** What the work of a chain is given. */
export interface Chain<Event = RunEvent> {
  emit(event: Event): void
  /** Makes a job the current one: cancelling the chain cancels it. Throws JobError when the chain was cancelled. */
  follow<Run extends Pick<LabRun<unknown>, 'cancel'>>(run: () => Run): Run
}

/** The handle of work that takes several jobs, one after the other. */
export class ChainedRun<Result, Event extends { readonly type: string } = RunEvent> implements LabRun<Result, Event> {
  readonly result: Promise<Result>
  readonly #events = new Broadcast<Event>(({ type }) => type !== 'progress-update')
  #current: Pick<LabRun<unknown>, 'cancel'> | null = null
  #cancelled: { readonly reason: unknown } | null = null

  constructor(work: (chain: Chain<Event>) => Promise<Result>, signal?: AbortSignal) {
    const onAbort = (): void => this.cancel(signal?.reason)
    if (signal?.aborted) this.#cancelled = { reason: signal.reason }
    else signal?.addEventListener('abort', onAbort, { once: true })
    const chain = { emit: (event: Event) => this.#events.push(event), follow: this.#follow.bind(this) }
    // The caller gets the handle first, and may cancel before anything is begun.
    this.result = Promise.resolve().then(() => work(chain))
    const finish = (): void => {
      signal?.removeEventListener('abort', onAbort)
      this.#events.end()
    }
    this.result.then(finish, finish)
  }

  cancel(reason?: unknown): void {
    this.#cancelled ??= { reason }
    this.#current?.cancel(reason)
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaitable, as the interface says.
  then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((value: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.result.then(onFulfilled, onRejected)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    // Whoever loops learns of a failure from the loop.
    this.result.catch(() => undefined)
    yield* this.#events
    await this.result
  }

  #follow<Run extends Pick<LabRun<unknown>, 'cancel'>>(start: () => Run): Run {
    if (this.#cancelled !== null) {
      throw new JobError({
        code: 'job-cancelled',
        message: 'The work was cancelled between two jobs. Ask for the same again: it goes on from there.',
        facts: { level: 'queued', resumable: true, checkpoint: null },
        cause: this.#cancelled.reason,
      })
    }
    const run = start()
    this.#current = run
    return run
  }
}
