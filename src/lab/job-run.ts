import { JobError } from '../errors/index.ts'
import type { RunEvent, RunStream } from '../worker/index.ts'
import type { LabRun } from './lab.ts'

/** How a job is prepared and what is made of its result. */
export interface JobPlan<JobResult, Result> {
  /** What must be done before the job is submitted. */
  readonly prepare?: () => Promise<void>
  readonly submit: () => RunStream<JobResult>
  readonly finish: (result: JobResult) => Promise<Result> | Result
  readonly signal?: AbortSignal | undefined
}

/** The handle of a job that is submitted as soon as what it needs is ready. */
export class JobRun<JobResult, Result> implements LabRun<Result> {
  readonly result: Promise<Result>
  /** In an object, because a run is awaitable itself: a promise of it would wait for its end. */
  readonly #begun: Promise<{ readonly stream: RunStream<JobResult> }>
  #cancelled: { readonly reason: unknown } | null = null

  constructor(plan: JobPlan<JobResult, Result>) {
    const { signal } = plan
    const onAbort = (): void => this.cancel(signal?.reason)
    if (signal?.aborted) this.#cancelled = { reason: signal.reason }
    else signal?.addEventListener('abort', onAbort, { once: true })
    this.#begun = this.#begin(plan)
    this.result = this.#begun.then(async ({ stream }) => plan.finish(await stream.result))
    const forget = (): void => signal?.removeEventListener('abort', onAbort)
    this.result.then(forget, forget)
  }

  cancel(reason?: unknown): void {
    this.#cancelled ??= { reason }
    this.#begun.then(
      ({ stream }) => stream.cancel(reason),
      () => undefined,
    )
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaitable, as the interface says.
  then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((value: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.result.then(onFulfilled, onRejected)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, undefined> {
    // Whoever loops learns of a failure from the loop.
    this.result.catch(() => undefined)
    const { stream } = await this.#begun
    yield* stream
    await this.result
  }

  async #begin({ prepare, submit }: JobPlan<JobResult, Result>): Promise<{ readonly stream: RunStream<JobResult> }> {
    // The caller gets the handle first, and may cancel before anything is sent.
    await prepare?.()
    if (this.#cancelled === null) return { stream: submit() }
    throw new JobError({
      code: 'job-cancelled',
      message: 'The job was cancelled before it began.',
      facts: { level: 'queued', resumable: false, checkpoint: null },
      cause: this.#cancelled.reason,
    })
  }
}
