import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../util/package-root.ts'
import { ensureEnvironment } from '../worker/environment.ts'
import { startWorker, type Worker } from '../worker/index.ts'

/** Variable that names the endpoint file of the shared worker; test files inherit it. */
export const endpointVariable = 'PHALANX_TEST_ENDPOINT'

interface SharedWorker {
  readonly worker: Worker
  readonly folder: string
}

// Set-up and tear-down are loaded as modules of their own, so what they share lies on the global object.
const key = Symbol.for('phalanx.shared-test-worker')
const shared = globalThis as { [key]?: SharedWorker }

/** Starts the worker that all test files share, and makes the environment on first use. */
export async function startSharedWorker(): Promise<void> {
  if (shared[key] !== undefined) return
  const { python } = await ensureEnvironment({ onProgress: ({ text }) => process.stderr.write(`${text}\n`) })
  const folder = await mkdtemp(join(tmpdir(), 'phalanx-test-'))
  const endpointFile = join(folder, 'worker.json')
  const packageFolder = join(packageRoot(), 'python-worker')
  // Tiny tensors are slower on several threads, and test files run side by side.
  const environment = { OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? '1' }
  shared[key] = { folder, worker: await startWorker({ python, packageFolder, endpointFile, environment }) }
  process.env[endpointVariable] = endpointFile
}

/** Ends the shared worker. */
export async function stopSharedWorker(): Promise<void> {
  const running = shared[key]
  delete shared[key]
  delete process.env[endpointVariable]
  await running?.worker.close()
  if (running !== undefined) await rm(running.folder, { recursive: true, force: true })
}
