import type { WorkerSettings } from '../config/worker.ts'
import { type LabError, ProtocolError, WorkerError } from '../errors/index.ts'
import { decode, encode } from '../protocol/codec.ts'
import {
  type ControlReply,
  type ControlRequest,
  controlReply,
  protocolVersion,
  type Welcome,
} from '../protocol/control.ts'
import { type JobsReply, type JobsRequest, jobsReply } from '../protocol/job-messages.ts'
import { schemaSha256 } from '../protocol/schema-sha256.ts'
import type { Endpoint } from './endpoint.ts'
import { errorFromRefusal } from './errors-from-wire.ts'
import type { Run, RunLink } from './run.ts'
import { MessageSocket } from './socket.ts'
import { Watchdog } from './watchdog.ts'
import type { WorkerStatus } from './worker.ts'

interface PendingReply {
  readonly resolve: (reply: ControlReply) => void
  readonly reject: (error: LabError) => void
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint
  readonly settings: WorkerSettings
  /** Ends the worker's process group; null when it is not ours. */
  readonly kill: (() => void) | null
  /** Called once, when the worker stopped answering or making progress. */
  readonly onLost: (error: WorkerError) => void
}

/** Both sockets to one incarnation of a worker, and the runs it does. */
export class Connection implements RunLink {
  readonly kill: (() => void) | null
  readonly #endpoint: Endpoint
  readonly #settings: WorkerSettings
  readonly #onLost: (error: WorkerError) => void
  readonly #control: MessageSocket
  readonly #jobs: MessageSocket
  readonly #runs = new Map<string, Run>()
  readonly #pending = new Map<string, PendingReply>()
  readonly #watchdog: Watchdog
  /** Sockets without a connection, each with the timer that gives it up. */
  readonly #silent = new Map<'control' | 'jobs', NodeJS.Timeout>()
  /** Bytes to give back, by job. */
  readonly #credit = new Map<string, number>()
  #requests = 0
  #closed = false
  #jobsConnections = 0

  constructor(options: ConnectionOptions) {
    this.#endpoint = options.endpoint
    this.#settings = options.settings
    this.#onLost = options.onLost
    this.kill = options.kill
    const transport = {
      keys: options.endpoint.keys,
      heartbeatMilliseconds: options.settings.heartbeatSeconds * 1000,
      heartbeatTimeoutMilliseconds: options.settings.heartbeatTimeoutSeconds * 1000,
    }
    this.#control = new MessageSocket(options.endpoint.controlEndpoint, transport, {
      onMessage: ([header]) => this.#controlMessage(header),
      onDisconnect: () => this.#disconnected('control'),
      onConnect: () => this.#connected('control'),
      onRefused: () => this.#refused(),
    })
    this.#jobs = new MessageSocket(options.endpoint.jobsEndpoint, transport, {
      onMessage: (frames) => this.#jobsMessage(frames),
      onDisconnect: () => this.#disconnected('jobs'),
      onConnect: () => this.#jobsConnected(),
      onRefused: () => this.#refused(),
    })
    this.#watchdog = new Watchdog(options.settings.watchdogSeconds, () => this.#runs.values(), this.#lose.bind(this))
  }

  /** Shakes hands. Throws ProtocolError when the schemas differ, WorkerError when nobody answers. */
  async greet(milliseconds: number): Promise<Welcome> {
    const { epoch } = this.#endpoint
    const message = { type: 'hello', epoch, protocolVersion, schemaSha256, client: `node-${process.pid}` } as const
    const reply = await this.#request('welcome', message, milliseconds)
    return reply as Welcome
  }

  async ping(milliseconds: number): Promise<number> {
    const id = ++this.#requests
    const start = performance.now()
    await this.#request(`pong-${id}`, { type: 'ping', epoch: this.#endpoint.epoch, id }, milliseconds)
    return performance.now() - start
  }

  async status(milliseconds: number): Promise<WorkerStatus> {
    const id = ++this.#requests
    const request = { type: 'status-request', epoch: this.#endpoint.epoch, id } as const
    const reply = await this.#request(`status-${id}`, request, milliseconds)
    if (reply.type !== 'status') throw new TypeError('a status request is answered by a status')
    const { running, queued, uptimeSeconds, residentBytes } = reply
    return { running, queued, uptimeSeconds, residentBytes }
  }

  /** Hands a job to the worker, or asks for the messages of one that is there already. */
  add(run: Run): void {
    this.#runs.set(run.jobId, run)
    run.linkTo(this)
    const { epoch } = this.#endpoint
    if (run.job !== null) this.#sendJobs({ type: 'submit', epoch, jobId: run.jobId, job: run.job })
    else this.#sendJobs({ type: 'attach', epoch, jobId: run.jobId, fromSequence: 1 })
  }

  /** Forgets a run that is over. */
  remove(run: Run): void {
    this.#runs.delete(run.jobId)
  }

  /** One message for all that is given back in a turn of the event loop, since each wakes the worker. */
  giveCredit(jobId: string, bytes: number): void {
    if (this.#credit.size === 0) setImmediate(() => this.#sendCredit())
    this.#credit.set(jobId, (this.#credit.get(jobId) ?? 0) + bytes)
  }

  cancel(jobId: string, how: 'cooperative' | 'exception'): void {
    this.#sendControl({ type: 'cancel', epoch: this.#endpoint.epoch, jobId, how })
  }

  shutdown(): void {
    this.#sendControl({ type: 'shutdown', epoch: this.#endpoint.epoch })
  }

  /** Closes the sockets; requests that wait reject with `error`. Runs are left to the caller. */
  close(error: LabError): void {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#silent.values()) clearTimeout(timer)
    this.#watchdog.stop()
    this.#control.close()
    this.#jobs.close()
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }

  #request(key: string, message: ControlRequest, milliseconds: number): Promise<ControlReply> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(key)
        reject(unanswered(this.#endpoint, milliseconds))
      }, milliseconds)
      const settled = <Value>(settle: (value: Value) => void) => {
        return (value: Value): void => {
          clearTimeout(timer)
          this.#pending.delete(key)
          settle(value)
        }
      }
      this.#pending.set(key, { resolve: settled(resolve), reject: settled(reject) })
      this.#sendControl(message)
    })
  }

  #sendCredit(): void {
    for (const [jobId, bytes] of this.#credit)
      this.#sendJobs({ type: 'credit', epoch: this.#endpoint.epoch, jobId, bytes })
    this.#credit.clear()
  }

  #sendControl(message: ControlRequest): void {
    this.#control.send(encode(message))
  }

  #sendJobs(message: JobsRequest): void {
    this.#jobs.send(encode(message))
  }

  #controlMessage(header: Buffer | undefined): void {
    const reply = this.#decoded(() => decode(controlReply, header ?? Buffer.alloc(0)))
    if (reply === undefined) return
    if (reply.type === 'refused') {
      // A refusal names no request; what waits cannot be answered any more.
      for (const pending of [...this.#pending.values()]) pending.reject(errorFromRefusal(reply))
      return
    }
    const key = 'id' in reply ? `${reply.type}-${reply.id}` : reply.type
    this.#pending.get(key)?.resolve(reply)
  }

  #jobsMessage([header, ...blobs]: Buffer[]): void {
    const reply: JobsReply | undefined = this.#decoded(() => decode(jobsReply, header ?? Buffer.alloc(0)))
    if (reply === undefined || reply.jobId === null) return
    this.#runs.get(reply.jobId)?.receive(reply, blobs)
  }

  /** A message that cannot be read belongs to no run one could name, so all of them end. */
  #decoded<Message>(read: () => Message): Message | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      for (const run of [...this.#runs.values()]) run.fail(error)
      return undefined
    }
  }

  #jobsConnected(): void {
    this.#connected('jobs')
    this.#jobsConnections += 1
    if (this.#jobsConnections === 1) return
    // The worker has forgotten this connection: ask for what came meanwhile.
    for (const run of this.#runs.values()) {
      const fromSequence = run.lastSequence + 1
      this.#sendJobs({ type: 'attach', epoch: this.#endpoint.epoch, jobId: run.jobId, fromSequence })
    }
  }

  #connected(socket: 'control' | 'jobs'): void {
    clearTimeout(this.#silent.get(socket))
    this.#silent.delete(socket)
  }

  /** Also told of every attempt to connect again that fails, which must not put the end off. */
  #disconnected(socket: 'control' | 'jobs'): void {
    if (this.#silent.has(socket)) return
    const milliseconds = this.#settings.heartbeatTimeoutSeconds * 1000
    this.#silent.set(
      socket,
      setTimeout(() => this.#lose(unanswered(this.#endpoint, milliseconds)), milliseconds),
    )
  }

  /** Whoever listens there takes other keys: requests that wait will have no answer. */
  #refused(): void {
    const { controlEndpoint } = this.#endpoint
    const error = new WorkerError({
      code: 'worker-refused',
      message: `The worker at ${controlEndpoint} does not take the keys of this endpoint file. It is that of an earlier worker at this address: fetch the present one.`,
      facts: { controlEndpoint },
    })
    for (const pending of [...this.#pending.values()]) pending.reject(error)
    this.#lose(error)
  }

  #lose(error: WorkerError): void {
    if (!this.#closed) this.#onLost(error)
  }
}

function unanswered({ pid, controlEndpoint }: Endpoint, milliseconds: number): WorkerError {
  return new WorkerError({
    code: 'worker-unresponsive',
    message: `The worker (process ${pid}) has not answered for ${milliseconds / 1000} s: it is stopped, swapped out, or gone.`,
    facts: { pid, controlEndpoint, milliseconds },
  })
}
