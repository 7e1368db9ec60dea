import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { execa } from 'execa'
import { WorkerError } from '../errors/index.ts'
import { packageRoot } from '../util/package-root.ts'
import { lastLines } from '../worker/last-lines.ts'
import { type Report, report } from './reports.ts'

const reportDescriptor = 3
/** Between the polite signal and the one that cannot be ignored there is the cancel ladder; this is for stray children. */
const environment = {
  // Everything it needs was put into files; a hub would only be asked by mistake.
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  PYTHONUNBUFFERED: '1',
  PYTHONHOME: undefined,
}

/** What the runner is told, beside where to report. */
export interface RunnerPlan {
  readonly home: string
  readonly script: string
  readonly trainer: string
  readonly arguments: readonly string[]
  readonly output: string
  readonly checkpointEvery: number
  readonly checkpointsKept: number
  readonly resumable: boolean
}

/** A process that trains with a checkout; leader of its own process group. What it prints goes to `kohya.log`. */
export class RunnerProcess {
  readonly #pid: number
  readonly #stdin: Writable
  readonly #reports: Readable
  readonly #exited: Promise<{ exitCode?: number | undefined; signal?: string | undefined }>
  readonly #log: string

  constructor(python: string, plan: RunnerPlan) {
    this.#log = join(plan.output, 'kohya.log')
    const child = execa(python, ['-m', 'kohya_runner', JSON.stringify({ ...plan, reportDescriptor })], {
      cwd: plan.home,
      env: { ...environment, PYTHONPATH: join(packageRoot(), 'python-worker') },
      detached: true,
      cleanup: false,
      buffer: false,
      reject: false,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    if (child.pid === undefined) throw pythonNotFound(python)
    this.#pid = child.pid
    this.#stdin = child.stdin as Writable
    this.#reports = child.stdio[reportDescriptor] as unknown as Readable
    // A process that is gone takes no more requests to stop.
    this.#stdin.on('error', () => undefined)
    const log = createWriteStream(this.#log)
    for (const stream of [child.stdout, child.stderr]) (stream as unknown as Readable).pipe(log, { end: false })
    this.#exited = child.then((exit) => {
      log.end()
      return exit
    })
  }

  /** Every report in order; ends with the process. Throws WorkerError (`engine-died`) when none says how it ended. */
  async *reports(): AsyncGenerator<Report, void, undefined> {
    let ended = false
    for await (const line of createInterface({ input: this.#reports })) {
      const parsed = report.parse(JSON.parse(line))
      ended ||= parsed.type === 'result' || parsed.type === 'failed' || parsed.type === 'cancelled'
      yield parsed
    }
    const { exitCode, signal } = await this.#exited
    if (!ended) throw await this.#died(signal ?? `exit code ${exitCode}`)
  }

  /** Asks for a checkpoint after the step that runs, and an end. */
  stop(): void {
    this.#stdin.write('stop\n')
  }

  /** Ends the whole process group. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    try {
      process.kill(-this.#pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  async #died(how: string): Promise<WorkerError> {
    const logLines = await lastLines(this.#log)
    return new WorkerError({
      code: 'engine-died',
      message: `The process of sd-scripts ended without a word (${how}). Train again: it goes on from its last checkpoint. It printed:\n${logLines.slice(-20).join('\n')}`,
      facts: { how, log: this.#log, logLines },
    })
  }
}

function pythonNotFound(python: string): WorkerError {
  return new WorkerError({
    code: 'python-not-found',
    message: `${python} cannot be run. Name an interpreter that has what sd-scripts needs, or none to let one be made.`,
    facts: { python },
  })
}
