import { type LabError, ProtocolError, type WorkerError } from '../errors/index.ts'
import type { Phase } from '../protocol/events.ts'
import type { EventMessage, JobsReply } from '../protocol/job-messages.ts'
import type { Job } from '../protocol/jobs.ts'
import { CancelLadder } from './cancel-ladder.ts'
import { cancelledError, errorFromRefusal, errorFromWire } from './errors-from-wire.ts'
import { EventBuffer } from './event-buffer.ts'
import type { RunEvent, RunStream } from './worker.ts'

/** How a job ends that was aborted before a worker heard of it. */
const neverSent = { level: 'queued', milliseconds: 0, resumable: false, checkpoint: null } as const

const bytesPerElement = { uint8: 1, int32: 4, int64: 8, float16: 2, float32: 4, float64: 8 } as const

/** What a run needs of the worker that does its job; changes when the worker is replaced. */
export interface RunLink {
  giveCredit(jobId: string, bytes: number): void
  cancel(jobId: string, how: 'cooperative' | 'exception'): void
  /** Ends the worker's whole process group; null when it is not ours to end. */
  readonly kill: (() => void) | null
}

export interface RunOptions {
  readonly jobId: string
  /** Null for a job that somebody else submitted. */
  readonly job: Job | null
  readonly progressBuffer: number
  readonly cancelGraceMilliseconds: number
  readonly cancelKillMilliseconds: number
  readonly signal: AbortSignal | undefined
  /** Called once, when the run has its result or its error. */
  readonly onSettled: (run: Run) => void
}

/** One job from submission to its end, over as many workers as it takes. */
export class Run implements RunStream<unknown> {
  readonly jobId: string
  readonly job: Job | null
  readonly result: Promise<unknown>
  readonly ladder: CancelLadder
  /** What the worker is doing for it; null until it began. */
  phase: Phase | null = null
  /** Time without progress, counted by the watchdog. */
  idleMilliseconds = 0
  /** Of the last message that arrived from the present worker. */
  lastSequence = 0
  /** Workers that died under it. */
  deaths = 0
  settled = false
  #link: RunLink | null = null
  #droppedInWorker = 0
  #linesDroppedInWorker = 0
  #resolve!: (result: unknown) => void
  #reject!: (error: unknown) => void
  readonly #events: EventBuffer
  readonly #options: RunOptions

  constructor(options: RunOptions) {
    this.jobId = options.jobId
    this.job = options.job
    this.#options = options
    this.#events = new EventBuffer(options.progressBuffer, (bytes) => this.#link?.giveCredit(this.jobId, bytes))
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.ladder = new CancelLadder({
      graceMilliseconds: options.cancelGraceMilliseconds,
      killMilliseconds: options.cancelKillMilliseconds,
      link: () => this.#link,
      jobId: this.jobId,
    })
    const { signal } = options
    if (signal === undefined) return
    if (signal.aborted) {
      this.fail(cancelledError(options.jobId, neverSent, signal.reason))
      return
    }
    const onAbort = (): void => this.cancel(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const forget = (): void => signal.removeEventListener('abort', onAbort)
    this.result.then(forget, forget)
  }

  get droppedProgress(): number {
    return this.#droppedInWorker + this.#events.droppedProgress
  }

  get droppedLines(): number {
    return this.#linesDroppedInWorker + this.#events.droppedLines
  }

  cancel(reason?: unknown): void {
    if (!this.settled) this.ladder.climb(reason)
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaitable, as the interface says.
  then<Fulfilled, Rejected>(
    onFulfilled?: ((value: unknown) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.result.then(onFulfilled, onRejected) as Promise<Fulfilled | Rejected>
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, undefined> {
    // Whoever loops learns of a failure from the loop.
    this.result.catch(() => undefined)
    this.#events.openReader()
    try {
      for (let event = await this.#events.take(); event !== undefined; event = await this.#events.take()) yield event
    } finally {
      this.#events.closeReader()
    }
    await this.result
  }

  /** From here on a worker does this job. */
  linkTo(link: RunLink): void {
    this.#link = link
    this.lastSequence = 0
    this.phase = null
    this.idleMilliseconds = 0
    this.ladder.repeat()
  }

  /** Tells the reader that another worker takes over. */
  workerReplaced(reason: WorkerError): void {
    this.#link = null
    this.deaths += 1
    this.#events.push({ type: 'worker-restart', attempt: this.deaths, reason: reason.message }, 0)
  }

  /** A message about this job. */
  receive(message: JobsReply, blobs: readonly Uint8Array[]): void {
    if (this.settled) return
    switch (message.type) {
      case 'accepted':
      case 'replay':
        return
      case 'waiting':
        // The job is held back by its reader, which is no fault of the worker.
        this.idleMilliseconds = 0
        return
      case 'refused':
        this.fail(errorFromRefusal(message))
        return
      case 'gap':
        this.fail(lost(message.jobId, message.fromSequence, message.firstAvailable))
        return
    }
    if (message.sequence <= this.lastSequence) return
    if (message.sequence !== this.lastSequence + 1 + message.droppedProgress) {
      this.fail(lost(message.jobId, this.lastSequence + 1, message.sequence))
      return
    }
    this.lastSequence = message.sequence
    this.#droppedInWorker += message.droppedProgress
    switch (message.type) {
      case 'event':
        this.#event(message, blobs)
        break
      case 'done':
        this.#settle(() => this.#resolve(message.result))
        break
      case 'failed':
        this.fail(errorFromWire(message.error))
        break
      case 'cancelled':
        this.fail(cancelledError(this.jobId, message, this.ladder.reason))
    }
  }

  /** Ends the run with an error. */
  fail(error: LabError): void {
    this.#settle(() => this.#reject(error))
  }

  #event(message: EventMessage, blobs: readonly Uint8Array[]): void {
    const { event } = message
    if (event.type === 'log-line') this.#linesDroppedInWorker += event.dropped
    else this.idleMilliseconds = 0
    if (event.type === 'phase-start') this.phase = event.phase
    if (event.type === 'checkpoint-end') this.ladder.checkpoint = event.path
    if (event.type !== 'image-end') {
      this.#events.push(event, 0)
      return
    }
    const { blob, ...facts } = event
    const pixels = blobs[blob]
    const description = message.blobs[blob]
    if (pixels === undefined || description === undefined || pixels.byteLength !== sizeOf(description)) {
      this.fail(
        new ProtocolError({
          code: 'malformed-message',
          message: 'An image arrived without its pixels. Report this with the versions of both sides.',
          facts: { jobId: this.jobId, frames: blobs.length, description, bytes: pixels?.byteLength },
        }),
      )
      return
    }
    this.#events.push({ ...facts, pixels }, pixels.byteLength)
  }

  #settle(settle: () => void): void {
    if (this.settled) return
    this.settled = true
    this.ladder.stop()
    settle()
    this.#events.end()
    this.#options.onSettled(this)
  }
}

function sizeOf({ dtype, shape }: EventMessage['blobs'][number]): number {
  return shape.reduce((product, length) => product * length, bytesPerElement[dtype])
}

function lost(jobId: string, wanted: number, got: number): ProtocolError {
  return new ProtocolError({
    code: 'events-lost',
    message: `Messages ${wanted} to ${got - 1} of a job are no longer there. The job itself may go on; its files are complete, its events are not.`,
    facts: { jobId, wanted, firstAvailable: got },
  })
}
