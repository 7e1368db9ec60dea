import { parentPort } from 'node:worker_threads'
import type { RgbImage } from '../artefact/png.ts'
import type { FindHandsSettings } from '../config/hands.ts'
import type { FoundHands } from './hand.ts'
import { loadHandModels } from './hand-models.ts'
import { locateHands } from './locate-hands.ts'

/** What the thread is asked. */
export interface ThreadQuestion {
  readonly id: number
  readonly picture: RgbImage
  readonly settings: FindHandsSettings
}

/** What it answers: one answer to each question, in their order. */
export type ThreadAnswer =
  | { readonly id: number; readonly found: FoundHands }
  | { readonly id: number; readonly error: unknown }

const models = loadHandModels()
// Told with the first answer.
models.catch(() => undefined)
let last: Promise<void> = Promise.resolve()

parentPort?.on('message', (question: ThreadQuestion) => {
  last = last.then(async () => parentPort?.postMessage(await answer(question)))
})

async function answer({ id, picture, settings }: ThreadQuestion): Promise<ThreadAnswer> {
  try {
    return { id, found: await locateHands(picture, settings, await models) }
  } catch (error) {
    return { id, error }
  }
}
