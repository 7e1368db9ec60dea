import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ArtefactError } from '../errors/index.ts'
import { refusal, unreachable } from './hub-errors.ts'
import { type Hub, type HubFile, headersOf } from './listing.ts'
import type { ModelId } from './model-id.ts'

/** How patient a download is. */
export interface Patience {
  /** Silence after which a connection is given up. */
  readonly idleMilliseconds: number
  /** Connections that may break before the download is given up; each goes on where the last one ended. */
  readonly attempts: number
  /** Before the second attempt; doubled for each one after. */
  readonly pauseMilliseconds: number
}

export const usualPatience: Patience = Object.freeze({ idleMilliseconds: 30_000, attempts: 6, pauseMilliseconds: 1000 })

export interface DownloadCall {
  readonly signal: AbortSignal
  readonly patience: Patience
  /** Bytes of this file that are there. */
  readonly onBytes: (bytes: number) => void
}

/**
 * Fetches one file, which appears at `path` when it is whole and its checksum is right. What a broken connection or a
 * killed process left in `path.partial` is gone on from.
 *
 * Throws ArtefactError (`hub-checksum`, `hub-not-found`, `hub-refused`, `hub-unreachable`, `disk-full`) or the signal's
 * reason.
 */
export async function download(
  hub: Hub,
  model: ModelId,
  file: HubFile,
  path: string,
  call: DownloadCall,
): Promise<void> {
  const partial = `${path}.partial`
  await mkdir(dirname(path), { recursive: true })
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(partial)
    try {
      await fetchRest(hub, model, file, partial, call)
      break
    } catch (error) {
      call.signal.throwIfAborted()
      if (error instanceof ArtefactError) throw error
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw diskFull(path, file, error)
      // One that brought something counts as the first of a new row.
      if ((await sizeOf(partial)) > before) attempt = 1
      if (attempt >= call.patience.attempts) throw unreachable(model, hub.endpoint, error)
      await wait(call.patience.pauseMilliseconds * 2 ** (attempt - 1), undefined, { signal: call.signal })
    }
  }
  if ((await sizeOf(partial)) !== file.size || !(await isRight(partial, file))) {
    await rm(partial, { force: true })
    throw new ArtefactError({
      code: 'hub-checksum',
      message: `${file.path} of ${model.id} arrived with another content than the hub announced. Fetch it again; if it happens again, ask whoever runs the proxy or mirror.`,
      facts: { id: model.id, path: file.path, sha256: file.sha256, size: file.size },
    })
  }
  await rename(partial, path)
}

/** Appends what is missing. */
async function fetchRest(hub: Hub, model: ModelId, file: HubFile, partial: string, call: DownloadCall): Promise<void> {
  const have = await sizeOf(partial)
  if (have >= file.size) return
  const idle = new AbortController()
  const url = `${hub.endpoint}/${model.id}/resolve/${encodeURIComponent(model.revision)}/${encodePath(file.path)}`
  const timer = setTimeout(() => idle.abort(new Error('nothing came for too long')), call.patience.idleMilliseconds)
  try {
    const response = await fetch(url, {
      headers: { ...headersOf(hub), 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
      signal: AbortSignal.any([call.signal, idle.signal]),
    })
    if (response.status >= 500 || response.status === 429) throw new Error(`the hub answered ${response.status}`)
    if (!response.ok || response.body === null) throw refusal(model, response.status)
    const whole = response.status !== 206
    const stream = await open(partial, whole ? 'w' : 'a')
    try {
      let bytes = whole ? 0 : have
      for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
        timer.refresh()
        // More than was announced is no answer to this question.
        if (bytes + part.byteLength > file.size) break
        await stream.writeFile(part)
        bytes += part.byteLength
        call.onBytes(bytes)
      }
      await stream.sync()
    } finally {
      await stream.close()
    }
  } finally {
    clearTimeout(timer)
  }
  if ((await sizeOf(partial)) < file.size) throw new Error('the connection ended too early')
}

async function isRight(path: string, { sha256, gitSha1, size }: HubFile): Promise<boolean> {
  const hash: Hash = sha256 === null ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256')
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer)
  return hash.digest('hex') === (sha256 ?? gitSha1)
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function diskFull(path: string, { size }: HubFile, cause: unknown): ArtefactError {
  return new ArtefactError({
    code: 'disk-full',
    message: `There is no room for ${path} (${Math.ceil(size / 2 ** 20)} MB). Free some space, or name another place for caches in PHALANX_CACHE; what was fetched is kept.`,
    facts: { path, size },
    cause,
  })
}
