import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { WorkerError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { cacheFolder } from '../util/cache-folder.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { waitForLock } from '../util/file-lock.ts'
import { packageRoot } from '../util/package-root.ts'
import { sha256 } from '../util/sha256.ts'
import { installPackages, makeVirtualEnvironment } from './pip.ts'
import { checkNamedPython, findPython, type Interpreter } from './python.ts'

/** What making an environment is busy with, a line at a time. */
export interface EnvironmentProgress {
  readonly type: 'environment-update'
  readonly phase: 'waiting' | 'creating' | 'installing'
  readonly text: string
  /** Packages met so far, and in all. */
  readonly done: number
  readonly total: number
}

export interface EnvironmentOptions {
  /** Also installs what the package's own tests need. */
  readonly test?: boolean | undefined
  /** An existing interpreter that is used as it is; PHALANX_PYTHON by default. */
  readonly python?: string | undefined
  /** Requirement files in place of the package's own. */
  readonly requirements?: readonly string[] | undefined
  /** Folder of all environments; in the system's place for caches by default. */
  readonly folder?: string | undefined
  readonly onProgress?: ((progress: EnvironmentProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A Python environment that a worker can run in. */
export interface Environment {
  /** Its interpreter. */
  readonly python: string
  /** SHA-256 over the requirements that were installed; null for an interpreter that was named. */
  readonly requirementsSha256: string | null
}

/** Says which attempt became whole; written after everything else. */
const marker = z.strictObject({ attempt: z.string().regex(/^[0-9a-f]+$/), requirementsSha256: z.string() })
const markerFile = 'complete.json'

/**
 * Gives the interpreter that is named, or a virtual environment that is made on first use and kept per hash of the
 * requirements, version of Python and platform. Several processes at once make it once.
 *
 * Virtual environments cannot be moved, so each attempt is made in its final place under a name of its own, and a
 * marker that is written last says which attempt is whole. What a killed attempt left is never used.
 *
 * Throws WorkerError (`python-not-found`, `python-unsupported`, `python-packages-missing`, `environment-create-failed`,
 * `environment-install-failed`) or the signal's reason.
 */
export async function ensureEnvironment(options: EnvironmentOptions = {}): Promise<Environment> {
  const place = await locateEnvironment(options)
  if ('python' in place) return place
  return (await readWhole(place.folder)) ?? (await makeEnvironment({ ...place, options }))
}

/**
 * The environment that {@link ensureEnvironment} gives, if it is there already; null when it would have to be made.
 * Throws WorkerError (`python-not-found`, `python-unsupported`, `python-packages-missing`).
 */
export async function findEnvironment(options: EnvironmentOptions = {}): Promise<Environment | null> {
  const place = await locateEnvironment(options)
  return 'python' in place ? place : readWhole(place.folder)
}

/** Where an environment is or will be, and what it is made of. */
interface Place {
  readonly folder: string
  readonly files: readonly string[]
  readonly interpreter: Interpreter
  readonly requirementsSha256: string
}

async function locateEnvironment(options: EnvironmentOptions): Promise<Environment | Place> {
  // The variable names an interpreter for the package's own requirements.
  const named = options.python ?? (options.requirements === undefined ? process.env.PHALANX_PYTHON : undefined)
  if (named) {
    await checkNamedPython(named, options.test ?? false)
    // As it was named: it may be a script that sets up the interpreter's surroundings.
    return { python: named, requirementsSha256: null }
  }
  const files = options.requirements ?? packageRequirements(options.test ?? false)
  const requirementsSha256 = sha256(canonicalJson(await Promise.all(files.map((file) => readFile(file, 'utf8')))))
  const interpreter = await findPython()
  const parent = options.folder ?? join(cacheFolder(), 'environments')
  return {
    folder: join(parent, environmentKey(requirementsSha256, interpreter)),
    files,
    interpreter,
    requirementsSha256,
  }
}

function packageRequirements(test: boolean): string[] {
  const root = packageRoot()
  const run = join(root, 'requirements.txt')
  return test ? [run, join(root, 'python-worker', 'requirements-test.txt')] : [run]
}

function environmentKey(requirementsSha256: string, { version, platform, executable }: Interpreter): string {
  const hash = sha256(canonicalJson({ requirementsSha256, version, platform, executable }))
  return `python-${version}-${hash.slice(0, 16)}`
}

/** The environment in a folder, or null when none there is whole. */
async function readWhole(folder: string): Promise<Environment | null> {
  try {
    const { attempt, requirementsSha256 } = marker.parse(JSON.parse(await readFile(join(folder, markerFile), 'utf8')))
    const python = interpreterOf(join(folder, attempt))
    await access(python)
    return { python, requirementsSha256 }
  } catch {
    return null
  }
}

function interpreterOf(environment: string): string {
  return process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
}

async function makeEnvironment(making: Place & { readonly options: EnvironmentOptions }): Promise<Environment> {
  const { folder, files, interpreter, requirementsSha256, options } = making
  const { signal, onProgress } = options
  const tell = (phase: EnvironmentProgress['phase'], text: string, done = 0, total = 0): void =>
    onProgress?.({ type: 'environment-update', phase, text, done, total })
  await makeFolder(folder)
  await using _lock = await waitForLock(join(folder, 'lock'), {
    signal,
    onWait: ({ pid }) => tell('waiting', `Another process (${pid}) is making the Python environment`),
  })
  const made = await readWhole(folder)
  if (made !== null) return made
  await removeAttempts(folder)
  const attempt = randomBytes(6).toString('hex')
  const environment = join(folder, attempt)
  const python = interpreterOf(environment)
  try {
    tell('creating', `Making a Python ${interpreter.version} environment in ${environment}`)
    await makeVirtualEnvironment(interpreter.executable, environment, signal)
    const report = (text: string, done: number, total: number): void => tell('installing', text, done, total)
    await installPackages({ python, files, report, signal })
  } catch (error) {
    await rm(environment, { recursive: true, force: true })
    throw error
  }
  await atomicWrite(join(folder, markerFile), JSON.stringify({ attempt, requirementsSha256 }))
  return { python, requirementsSha256 }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (cause) {
    throw new WorkerError({
      code: 'environment-create-failed',
      message: `${folder} cannot be made. Make its parent writable, or name another place for caches in PHALANX_CACHE.`,
      facts: { folder },
      cause,
    })
  }
}

/** Removes what killed attempts left. An installer that outlived its parent may still write there; nobody reads it. */
async function removeAttempts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^[0-9a-f]{12}$/.test(name))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined)
  }
}
