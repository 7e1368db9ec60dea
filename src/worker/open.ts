import { type WorkerSettings, type WorkerSettingsInput, workerSettings } from '../config/worker.ts'
import { ConfigError } from '../errors/index.ts'
import { AttachedWorker } from './attached-worker.ts'
import { readRunningEndpoint } from './endpoint-file.ts'
import { LocalWorker } from './local-worker.ts'
import type { AttachWorkerOptions, StartWorkerOptions, Worker } from './worker.ts'

/**
 * Starts a worker process and waits until it answers.
 * Throws ConfigError (settings), WorkerError (`python-not-found`, `worker-start-failed`, `worker-start-timeout`,
 * `socket-path-too-long`, `endpoint-file-in-use`, `port-in-use`, `curve-unsupported`) or ProtocolError (`schema-mismatch`).
 */
export async function startWorker(options: StartWorkerOptions): Promise<Worker> {
  return LocalWorker.open(options, resolved(options.settings))
}

/**
 * Connects to a running worker by its endpoint file.
 * Throws ConfigError (settings), WorkerError (`no-such-worker`, `worker-refused`, `worker-unresponsive`) or ProtocolError.
 */
export async function attachWorker(endpointFile: string, options: AttachWorkerOptions = {}): Promise<Worker> {
  return AttachedWorker.open(await readRunningEndpoint(endpointFile), resolved(options.settings))
}

function resolved(input: WorkerSettingsInput | undefined): WorkerSettings {
  const result = workerSettings.safeParse(input ?? {})
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new ConfigError({
    code: 'invalid-worker-settings',
    message: `Worker settings: ${issue?.path.join('.')}: ${issue?.message}`,
    facts: { path: issue?.path.join('.') },
    cause: result.error,
  })
}
