import type { AttachWorkerOptions, StartWorkerOptions, Worker } from './worker.ts'

export type {
  AttachWorkerOptions,
  RunEvent,
  RunStream,
  StartWorkerOptions,
  SubmitOptions,
  Worker,
  WorkerIdentity,
  WorkerRestartEvent,
  WorkerStatus,
} from './worker.ts'

/** Starts a worker process and waits until it answers. Throws WorkerError or ProtocolError. */
export declare function startWorker(options: StartWorkerOptions): Promise<Worker>

/** Connects to a running worker by its endpoint file. Throws WorkerError or ProtocolError. */
export declare function attachWorker(endpointFile: string, options?: AttachWorkerOptions): Promise<Worker>
