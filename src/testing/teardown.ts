import { stopSharedWorker } from './shared-worker.ts'

/** Global tear-down for Jest; Vitest gets it from the set-up. */
export default async function teardown(): Promise<void> {
  await stopSharedWorker()
}
