import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { RgbImage } from '../artefact/png.ts'
import type { FindHandsSettings } from '../config/hands.ts'
import { WorkerError } from '../errors/index.ts'
import type { FoundHands } from './hand.ts'
import type { ThreadAnswer, ThreadQuestion } from './model-thread.ts'

interface Asker {
  resolve(found: FoundHands): void
  reject(error: unknown): void
}

/** One thread with the models for the whole process; the first question starts it, and it does not keep Node alive. */
let running: { readonly thread: Worker; readonly askers: Map<number, Asker> } | null = null
let asked = 0

/** Asks the thread that holds the models. Rejects with WorkerError (`hand-models-failed`), or the signal's reason. */
export function askThread(
  picture: RgbImage,
  settings: FindHandsSettings,
  signal: AbortSignal | undefined,
): Promise<FoundHands> {
  signal?.throwIfAborted()
  running ??= start()
  const { thread, askers } = running
  const id = asked++
  return new Promise<FoundHands>((resolve, reject) => {
    const leave = (): void => {
      askers.delete(id)
      if (askers.size === 0) thread.unref()
      signal?.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      leave()
      reject(signal?.reason)
    }
    askers.set(id, {
      resolve: (found) => {
        leave()
        resolve(found)
      },
      reject: (error) => {
        leave()
        reject(error)
      },
    })
    signal?.addEventListener('abort', abort)
    thread.ref()
    thread.postMessage({ id, picture, settings } satisfies ThreadQuestion)
  })
}

function start(): { readonly thread: Worker; readonly askers: Map<number, Asker> } {
  const thread = openThread()
  const askers = new Map<number, Asker>()
  thread.unref()
  thread.on('message', (answer: ThreadAnswer) => {
    const asker = askers.get(answer.id)
    if ('found' in answer) asker?.resolve(answer.found)
    else asker?.reject(failure(answer.error))
  })
  const end = (cause: unknown): void => {
    if (running?.thread === thread) running = null
    for (const asker of askers.values()) asker.reject(failure(cause))
  }
  thread.on('error', end)
  thread.on('exit', (code) => end(new Error(`the thread ended with code ${code}`)))
  return { thread, askers }
}

function openThread(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./model-thread.js', import.meta.url))
  // Threads of Node 20 read TypeScript only through tsx, and not when it is preloaded.
  const file = JSON.stringify(new URL('./model-thread.ts', import.meta.url).href)
  const manifest = createRequire(import.meta.url).resolve('tsx/package.json')
  const tsx = JSON.stringify(new URL('dist/esm/api/index.mjs', pathToFileURL(manifest)).href)
  return new Worker(`import(${tsx}).then(({ tsImport }) => tsImport(${file}, ${file}))`, { eval: true, execArgv: [] })
}

function failure(cause: unknown): WorkerError {
  return new WorkerError({
    code: 'hand-models-failed',
    message: `The models that find hands do not run here (${cause instanceof Error ? cause.message : String(cause)}). Install the package again if files are missing; give it more memory if that was short.`,
    cause,
  })
}
