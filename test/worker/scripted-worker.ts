import { fileURLToPath } from 'node:url'
import type { WorkerSettingsInput } from '../../src/config/worker.ts'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { type StartWorkerOptions, startWorker, type Worker } from '../../src/worker/index.ts'

export const { python } = await ensureEnvironment()
export const packageFolder = fileURLToPath(new URL('../../python-worker', import.meta.url))

export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
}

/** Options of the real worker with the misbehaving jobs of fixtures/scripted.py. */
export function scriptedOptions(settings: WorkerSettingsInput = {}): StartWorkerOptions {
  return { python, packageFolder, entry: [fixture('scripted.py')], settings }
}

export function startScripted(settings: WorkerSettingsInput = {}): Promise<Worker> {
  return startWorker(scriptedOptions(settings))
}

/** A job that does what the script of that name says. */
export function script(name: string, argument: string | number = ''): { type: 'inspect-base'; base: string } {
  return { type: 'inspect-base', base: `script:${name}:${argument}` }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits until `condition` holds; fails after `milliseconds`. */
export async function eventually(condition: () => boolean, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds
  while (!condition()) {
    if (performance.now() > end) throw new Error(`did not happen within ${milliseconds} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
