import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { execa } from 'execa'
import type { WorkerSettings } from '../config/worker.ts'
import { ProtocolError, WorkerError } from '../errors/index.ts'
import { type Launch, type Ready, startReport } from '../protocol/launch.ts'
import { schemaSha256 } from '../protocol/schema-sha256.ts'
import { type Endpoint, endpointsOf, launchNetwork, type NetworkLaunch } from './endpoint.ts'
import { errorFromWire } from './errors-from-wire.ts'
import { lastLines, TextTail } from './last-lines.ts'
import { makeRuntimeFolder } from './runtime-folder.ts'
import type { StartWorkerOptions } from './worker.ts'

const readyDescriptor = 3
const journalMessages = 4096

/** How a worker's process ended. */
export interface WorkerExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** The last lines it printed. */
  readonly logLines: readonly string[]
}

/**
 * Settings of the C libraries under torch that cannot be changed once it runs; what the user has set stays.
 *
 * Waiting threads sleep instead of spinning: on a busy machine spinning made two threads many times slower than one.
 * Freed memory is kept instead of given back, since the pages of large tensors are costly to get again.
 */
function computeEnvironment(own: NodeJS.ProcessEnv): Record<string, string> {
  const settings = {
    OMP_WAIT_POLICY: 'PASSIVE',
    MALLOC_MMAP_THRESHOLD_: '4294967296',
    MALLOC_TRIM_THRESHOLD_: '4294967296',
    MALLOC_TOP_PAD_: '67108864',
  }
  return Object.fromEntries(Object.entries(settings).filter(([name]) => own[name] === undefined))
}

/** A worker's process with its private folder; leader of its own process group. */
export class WorkerProcess {
  readonly pid: number
  /** Never rejects. */
  readonly exited: Promise<WorkerExit>
  readonly #folder: string
  readonly #launch: Launch
  readonly #secretKey: string | null
  readonly #reports: Readable

  private constructor(options: StartWorkerOptions, settings: WorkerSettings, folder: string) {
    this.#folder = folder
    const { network, secretKey } = launchNetwork(settings.listen)
    this.#launch = launchOf(settings, folder, network)
    this.#secretKey = secretKey
    const child = execa(
      options.python,
      [...(options.entry ?? ['-m', 'phalanx_worker']), JSON.stringify(this.#launch)],
      {
        env: {
          PYTHONPATH: options.packageFolder,
          // Keeps a file of the user's folder from standing in for a package.
          PYTHONSAFEPATH: '1',
          PYTHONUNBUFFERED: '1',
          ...computeEnvironment(process.env),
          ...options.environment,
        },
        detached: true,
        cleanup: false,
        buffer: false,
        reject: false,
        stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
      },
    )
    const { pid } = child
    if (pid === undefined) throw pythonNotFound(options.python)
    this.pid = pid
    this.#reports = child.stdio[readyDescriptor] as unknown as Readable
    const stderr = new TextTail(child.stderr as unknown as Readable)
    this.exited = child.then(async ({ exitCode, signal }) => ({
      exitCode,
      signal,
      logLines: [...stderr.lines(), ...(await lastLines(this.#launch.stdoutFile, this.#launch.stderrFile))],
    }))
  }

  /** Starts the process, waits for its ready line and tells how it is reached from here and by others. Throws WorkerError or ProtocolError. */
  static async start(
    options: StartWorkerOptions,
    settings: WorkerSettings,
  ): Promise<{ process: WorkerProcess; own: Endpoint; shared: Endpoint }> {
    options.signal?.throwIfAborted()
    const folder = await makeRuntimeFolder(options.runtimeFolder)
    let started: WorkerProcess | undefined
    try {
      started = new WorkerProcess(options, settings, folder)
      const ready = await started.#ready(settings.readySeconds * 1000, options.signal)
      return { process: started, ...endpointsOf(started.#launch, started.#secretKey, ready) }
    } catch (error) {
      started?.kill()
      await started?.exited
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Ends the whole process group at once. */
  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  /** Ends what is left of the group and removes the folder. */
  async dispose(): Promise<void> {
    this.kill()
    await this.exited
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #ready(milliseconds: number, signal: AbortSignal | undefined): Promise<Ready> {
    const waiting = new AbortController()
    try {
      const line = await Promise.race([
        this.#reportLine(),
        this.exited.then((exit) => Promise.reject(exitedEarly(exit))),
        rejectionAfter(milliseconds, waiting.signal),
        rejectionOn(signal, waiting.signal),
      ])
      return checkedReady(line, this.#launch)
    } finally {
      waiting.abort()
      this.#reports.destroy()
    }
  }

  async #reportLine(): Promise<string> {
    for await (const line of createInterface({ input: this.#reports })) return line
    // Closed without a word: the exit says why.
    return Promise.reject(exitedEarly(await this.exited))
  }
}

function launchOf(settings: WorkerSettings, folder: string, network: NetworkLaunch['network']): Launch {
  return {
    epoch: randomBytes(8).toString('hex'),
    controlEndpoint: `ipc://${join(folder, 'control')}`,
    jobsEndpoint: `ipc://${join(folder, 'jobs')}`,
    network,
    readyDescriptor,
    parentPid: process.pid,
    device: settings.device,
    stdoutFile: join(folder, 'stdout'),
    stderrFile: join(folder, 'stderr'),
    progressBuffer: settings.progressBuffer,
    blobCreditBytes: settings.blobCreditBytes,
    journalMessages,
  }
}

function checkedReady(line: string, launch: Launch): Ready {
  let report: unknown
  try {
    report = JSON.parse(line)
  } catch {
    report = undefined
  }
  const parsed = startReport.safeParse(report)
  if (!parsed.success || (parsed.data.type === 'ready' && parsed.data.epoch !== launch.epoch)) {
    throw new ProtocolError({
      code: 'malformed-message',
      message: 'The process that was started is not a worker of this version of the package. Check the Python package.',
      facts: { line },
    })
  }
  if (parsed.data.type === 'start-failed') throw errorFromWire(parsed.data.error)
  if (parsed.data.schemaSha256 !== schemaSha256) {
    throw new ProtocolError({
      code: 'schema-mismatch',
      message:
        'The Python worker has another message schema than this package. Use the worker that came with the package, or run `npm run generate` after changing messages.',
      facts: { expected: schemaSha256, received: parsed.data.schemaSha256 },
    })
  }
  return parsed.data
}

function pythonNotFound(python: string): WorkerError {
  return new WorkerError({
    code: 'python-not-found',
    message: `${python} cannot be run. Name a Python executable of version 3.11 or newer.`,
    facts: { python },
  })
}

function exitedEarly({ exitCode, signal, logLines }: WorkerExit): WorkerError {
  return new WorkerError({
    code: 'worker-start-failed',
    message: `The worker ended before it was ready (${signal ?? `exit code ${exitCode}`}). It said:\n${logLines.slice(-20).join('\n')}`,
    facts: { exitCode, signal, logLines },
  })
}

function rejectionAfter(milliseconds: number, stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const error = new WorkerError({
      code: 'worker-start-timeout',
      message: `The worker was not ready after ${milliseconds / 1000} s. If the machine is slow, raise readySeconds.`,
      facts: { milliseconds },
    })
    const timer = setTimeout(() => reject(error), milliseconds)
    stop.addEventListener('abort', () => clearTimeout(timer))
  })
}

function rejectionOn(signal: AbortSignal | undefined, stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { signal: stop })
  })
}
