import type { WorkerSettingsInput } from '../config/worker.ts'
import type { JobEvent } from '../protocol/events.ts'
import type { Job } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'

/** How to start a worker. */
export interface StartWorkerOptions {
  /** Python executable of the worker's environment. */
  readonly python: string
  /** Folder that holds the `phalanx_worker` package; becomes PYTHONPATH. */
  readonly packageFolder: string
  /** Arguments of the executable in place of `-m phalanx_worker`, for a script that wraps the worker. */
  readonly entry?: readonly string[]
  /** Variables added to this process's own. */
  readonly environment?: Readonly<Record<string, string>>
  /** File that lets other processes attach; written with mode 0600, removed on close. */
  readonly endpointFile?: string
  /** Folder for the private folder of sockets; its path must be short. The system's temporary folder by default. */
  readonly runtimeFolder?: string
  readonly settings?: WorkerSettingsInput
  /** Ends the start; a worker that is already running is closed instead. */
  readonly signal?: AbortSignal
}

export interface AttachWorkerOptions {
  readonly settings?: WorkerSettingsInput
}

/** What the worker said about itself in the handshake. */
export interface WorkerIdentity {
  readonly pid: number
  /** Differs for every incarnation. */
  readonly epoch: string
  readonly device: string
  /** Versions by package name, Python's own included. */
  readonly versions: Readonly<Record<string, string>>
}

export interface WorkerStatus {
  /** Job that runs now, and those that wait. */
  readonly running: string | null
  readonly queued: readonly string[]
  readonly uptimeSeconds: number
  readonly residentBytes: number
}

export interface SubmitOptions {
  /** Aborting asks the job to stop at its next boundary, then insists, then kills; the run rejects when it is over. */
  readonly signal?: AbortSignal
}

type ImageEndEvent = Extract<JobEvent, { type: 'image-end' }>

/** An event of a running job; an image comes with its pixels: RGB, row by row, 3 bytes each. */
export type RunEvent =
  | Exclude<JobEvent, ImageEndEvent>
  | (Omit<ImageEndEvent, 'blob'> & { readonly pixels: Uint8Array })
  | WorkerRestartEvent

/** The worker died and another one goes on with this job from its last checkpoint. */
export interface WorkerRestartEvent {
  readonly type: 'worker-restart'
  /** 1 for the first replacement. */
  readonly attempt: number
  /** What happened to the worker before. */
  readonly reason: string
}

/**
 * A running job: awaitable (its result) and an async iterable of events. Leaving the loop early detaches and does not
 * cancel. A reader that lags loses only progress events, counted in `droppedProgress`; images hold the job back.
 *
 * Rejects with JobError (failed inside the worker, code `job-cancelled` when it was stopped), WorkerError (process
 * died or stopped answering) or ProtocolError.
 */
export interface RunStream<Result> extends PromiseLike<Result>, AsyncIterable<RunEvent> {
  readonly jobId: string
  readonly result: Promise<Result>
  /** Progress events that nobody got, in the worker and here. */
  readonly droppedProgress: number
  /** Printed lines that nobody got, in the worker because they came too fast and here because nobody read. */
  readonly droppedLines: number
  /** As aborting the signal given to `submit`. */
  cancel(reason?: unknown): void
}

/** A worker process, started here or attached to. */
export interface Worker extends AsyncDisposable {
  /** Of the present incarnation. */
  readonly identity: WorkerIdentity
  /** Jobs run one at a time, in the order of submission. */
  submit<Submitted extends Job>(job: Submitted, options?: SubmitOptions): RunStream<ResultOf<Submitted['type']>>
  /** Joins a job that another client submitted, from its first event that is still kept. */
  follow(jobId: string): RunStream<unknown>
  /** Rejects with WorkerError when there is no answer. */
  status(): Promise<WorkerStatus>
  /** Round trip of an empty message in milliseconds. */
  ping(): Promise<number>
  /** Ends a worker started here, with everything it runs; an attached one is left alone. Safe to call twice. */
  close(): Promise<void>
}
