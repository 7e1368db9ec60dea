export { attachWorker, startWorker } from './open.ts'
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
