import { resolve as absolute, join } from 'node:path'
import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { workerSettings } from '../config/worker.ts'
import { ConfigError } from '../errors/index.ts'
import { packageRoot } from '../util/package-root.ts'
import { ensureEnvironment } from '../worker/environment.ts'
import { attachWorker, startWorker, type Worker } from '../worker/index.ts'
import type { Lab } from './lab.ts'
import type { LabProgress, OpenLabOptions } from './open-options.ts'
import { type Installed, LabSession } from './session.ts'
import { takeFolder } from './take-folder.ts'

const text = z.string().min(1).optional()
const labOptions = z.strictObject({
  folder: z.string().min(1).default('phalanx-lab'),
  wait: z.boolean().default(false),
  workers: z.int().min(1).max(64).default(1),
  python: text,
  attach: text,
  endpointFile: text,
  settings: workerSettings.prefault({}),
  onProgress: z
    .custom<(progress: LabProgress) => void>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  signal: z.instanceof(AbortSignal).optional(),
})
type Options = z.output<typeof labOptions>

/**
 * Opens a lab: takes its folder, makes the Python environment on first use, and starts the workers. Close it with
 * `await using` or `close()`.
 *
 * Throws ConfigError (options), ArtefactError (`lab-in-use`, `folder-unusable`), WorkerError or ProtocolError (the
 * environment or a worker), or the signal's reason.
 */
export async function openLab(input: OpenLabOptions = {}): Promise<Lab> {
  const { signal, ...given } = input
  const options = { ...resolve(labOptions, given, 'options of openLab'), signal }
  if (options.attach !== undefined) refuseStartOptions(given)
  const folder = absolute(options.folder)
  const lock = await takeFolder(folder, options)
  try {
    const { onProgress, settings } = options
    return new LabSession({ folder, lock, onProgress, settings, ...(await openWorkers(options)) })
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Settings that act where a worker is started. */
const startSettings = ['device', 'listen', 'restarts', 'progressBuffer', 'blobCreditBytes', 'shutdownSeconds'] as const

/** What starts a worker has no effect on one that runs. Throws ConfigError. */
function refuseStartOptions({ workers, python, endpointFile, settings }: OpenLabOptions): void {
  const written = {
    ...{ workers, python, endpointFile },
    ...Object.fromEntries(startSettings.map((name) => [`settings.${name}`, settings?.[name]])),
  }
  const names = Object.entries(written).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (names.length === 0) return
  throw new ConfigError({
    code: 'option-without-effect',
    message: `With attach, the worker was started by somebody else: ${names.join(', ')} would have no effect. Give it to that one, or leave out attach.`,
    facts: { names },
  })
}

async function openWorkers(options: Options): Promise<{ workers: Worker[]; installed: Installed }> {
  const { settings, onProgress, signal } = options
  if (options.attach !== undefined) {
    const worker = await attachWorker(absolute(options.attach), { settings })
    return { workers: [worker], installed: { python: null, requirementsSha256: null } }
  }
  const installed = await ensureEnvironment({ python: options.python, onProgress, signal })
  onProgress?.({
    type: 'worker-start',
    text: options.workers === 1 ? 'Starting the worker' : `Starting ${options.workers} workers`,
  })
  const started = await Promise.allSettled(
    Array.from({ length: options.workers }, (_, i) =>
      startWorker({
        python: installed.python,
        packageFolder: join(packageRoot(), 'python-worker'),
        settings,
        ...(i === 0 && options.endpointFile !== undefined && { endpointFile: absolute(options.endpointFile) }),
        ...(signal !== undefined && { signal }),
      }),
    ),
  )
  const workers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failure = started.find((outcome) => outcome.status === 'rejected')
  if (failure === undefined) return { workers, installed }
  await Promise.all(workers.map((worker) => worker.close()))
  throw failure.reason
}
