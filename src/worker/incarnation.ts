import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerSettings } from '../config/worker.ts'
import { WorkerError } from '../errors/index.ts'
import { Connection } from './connection.ts'
import { removeEndpointFile, writeEndpointFile } from './endpoint-file.ts'
import { type WorkerExit, WorkerProcess } from './process.ts'
import type { StartWorkerOptions, WorkerIdentity } from './worker.ts'

/** One life of a worker: its process, its sockets, its endpoint file. */
export class Incarnation {
  readonly identity: WorkerIdentity
  readonly connection: Connection
  /** Why it ended, once it has; never rejects. */
  readonly ended: Promise<WorkerError>
  readonly #process: WorkerProcess
  readonly #options: StartWorkerOptions
  readonly #settings: WorkerSettings

  private constructor(
    options: StartWorkerOptions,
    settings: WorkerSettings,
    parts: Pick<Incarnation, 'identity' | 'connection' | 'ended'> & { readonly process: WorkerProcess },
  ) {
    this.#options = options
    this.#settings = settings
    this.identity = parts.identity
    this.connection = parts.connection
    this.ended = parts.ended
    this.#process = parts.process
  }

  /** Starts a process, shakes hands and writes the endpoint file. Throws WorkerError or ProtocolError. */
  static async start(options: StartWorkerOptions, settings: WorkerSettings): Promise<Incarnation> {
    const { process, own, shared } = await WorkerProcess.start(options, settings)
    let lost: WorkerError | null = null
    const connection = new Connection({
      endpoint: own,
      settings,
      kill: () => process.kill(),
      onLost: (error) => {
        lost = error
        process.kill()
      },
    })
    const ended = process.exited.then(async (exit) => {
      const reason = lost ?? diedError(process.pid, exit)
      connection.close(reason)
      await process.dispose()
      if (options.endpointFile !== undefined) await removeEndpointFile(options.endpointFile, own.epoch)
      return reason
    })
    try {
      const { pid, epoch, device, versions } = await connection.greet(settings.readySeconds * 1000)
      if (options.endpointFile !== undefined) await writeEndpointFile(options.endpointFile, shared)
      const identity = { pid, epoch, device, versions }
      return new Incarnation(options, settings, { identity, connection, ended, process })
    } catch (error) {
      process.kill()
      await ended
      throw error
    }
  }

  /** Asks it to end, then ends it. Resolves when the process, its group and its folder are gone. */
  async stop(reason: WorkerError): Promise<void> {
    this.connection.shutdown()
    const grace = new AbortController()
    const timeout = delay(this.#settings.shutdownSeconds * 1000, undefined, { signal: grace.signal }).catch(
      () => undefined,
    )
    await Promise.race([this.ended, timeout])
    grace.abort()
    this.#process.kill()
    await this.ended
    this.connection.close(reason)
    if (this.#options.endpointFile !== undefined)
      await removeEndpointFile(this.#options.endpointFile, this.identity.epoch)
  }
}

function diedError(pid: number, { exitCode, signal, logLines }: WorkerExit): WorkerError {
  const how = signal === undefined ? `ended with exit code ${exitCode}` : `was ended by ${signal}`
  const hint = signal === 'SIGKILL' ? ' If nobody sent it, the system may have run out of memory.' : ''
  const said = logLines.length === 0 ? '' : ` It said last:\n${logLines.slice(-10).join('\n')}`
  return new WorkerError({
    code: 'worker-died',
    message: `The worker (process ${pid}) ${how}.${hint}${said}`,
    facts: { pid, exitCode, signal, logLines },
  })
}
