import { startSharedWorker, stopSharedWorker } from './shared-worker.ts'

/**
 * Global set-up for Vitest (`globalSetup: ['phalanx/testing/setup']`) and Jest (the same, with
 * `globalTeardown: 'phalanx/testing/teardown'`): one warm worker for all test files. Gives the tear-down.
 */
export default async function setup(): Promise<() => Promise<void>> {
  await startSharedWorker()
  return stopSharedWorker
}
