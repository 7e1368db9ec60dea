import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { cacheFolder } from '../util/cache-folder.ts'
import { waitForLock } from '../util/file-lock.ts'
import { download, type Patience, usualPatience } from './download.ts'
import { type Hub, type HubFile, hubOfEnvironment, listModel } from './listing.ts'
import { isCommit, type ModelId } from './model-id.ts'

/** How far a fetch is. */
export interface FetchProgress {
  readonly type: 'model-fetch'
  readonly id: string
  readonly commit: string
  /** The file that is on its way. */
  readonly file: string
  /** Bytes of all files, those that were there already included. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly text: string
}

/** What of a model is fetched. */
export interface ModelKind {
  /** Folder of such models in the user's cache. */
  readonly folder: string
  /** The files that are needed of those that a hub has. Throws ArtefactError for what is no such model. */
  readonly files: (id: string, files: readonly HubFile[]) => HubFile[]
}

export interface FetchOptions {
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** Of the environment by default. */
  readonly hub?: Hub
  /** That of the kind, in the user's cache folder, by default. */
  readonly folder?: string
  readonly patience?: Patience
}

const marker = z.strictObject({ id: z.string(), commit: z.string() })
const markerFile = 'phalanx-model.json'

/**
 * The folder of a model from a hub, fetched on first use: with resume, checksums and progress. A commit that is in the
 * cache is used without asking anybody; a branch is asked for, and means what it last meant when nobody answers.
 *
 * Throws ArtefactError (`hub-not-found`, `hub-refused`, `hub-unreachable`, `hub-checksum`, `hub-answer`, `disk-full`), what
 * choosing its files throws, or the signal's reason.
 */
export async function fetchModel(model: ModelId, kind: ModelKind, options: FetchOptions = {}): Promise<string> {
  const parent = join(options.folder ?? join(cacheFolder(), kind.folder), model.id.replace('/', '--'))
  const known = isCommit(model.revision) ? model.revision : null
  if (known !== null && (await isWhole(join(parent, known), model.id))) return join(parent, known)
  const signal = options.signal ?? new AbortController().signal
  const hub = options.hub ?? hubOfEnvironment()
  const reference = join(parent, 'refs', encodeURIComponent(model.revision))
  const listing = await listModel(hub, model, signal).catch(async (error: unknown) => {
    const last = await readFile(reference, 'utf8').catch(() => null)
    const offline = error instanceof ArtefactError && error.code === 'hub-unreachable'
    if (offline && last !== null && (await isWhole(join(parent, last), model.id))) return last
    throw error
  })
  if (typeof listing === 'string') return join(parent, listing)
  const folder = join(parent, listing.commit)
  await mkdir(folder, { recursive: true })
  await using _lock = await waitForLock(`${folder}.lock`, { signal })
  if (!(await isWhole(folder, model.id))) {
    // From here on it is this commit, whatever happens to the branch meanwhile.
    const pinned = { id: model.id, revision: listing.commit }
    const files = kind.files(model.id, listing.files)
    const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
    let doneBytes = 0
    for (const file of files) {
      const path = join(folder, file.path)
      const tell = (bytes: number): void =>
        options.onProgress?.(progressOf(model.id, listing.commit, file.path, doneBytes + bytes, totalBytes))
      const call = { signal, patience: options.patience ?? usualPatience, onBytes: tell }
      if (!(await isThere(path))) await download(hub, pinned, file, path, call)
      doneBytes += file.size
      tell(0)
    }
    await atomicWrite(join(folder, markerFile), JSON.stringify({ id: model.id, commit: listing.commit }))
  }
  if (known === null) {
    await mkdir(join(parent, 'refs'), { recursive: true })
    await atomicWrite(reference, listing.commit)
  }
  return folder
}

function progressOf(id: string, commit: string, file: string, doneBytes: number, totalBytes: number): FetchProgress {
  const [done, total] = [doneBytes, totalBytes].map((bytes) => Math.round(bytes / 1e6))
  const text = `Fetching ${id}: ${done} of ${total} MB, ${file}`
  return { type: 'model-fetch', id, commit, file, doneBytes, totalBytes, text }
}

/** A file has its name only when it was whole. */
function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

async function isWhole(folder: string, id: string): Promise<boolean> {
  try {
    return marker.parse(JSON.parse(await readFile(join(folder, markerFile), 'utf8'))).id === id
  } catch {
    return false
  }
}
