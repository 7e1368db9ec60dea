import { z } from 'zod'

const seconds = z.number().positive().finite()

/** A host that others can name, and the lower one of two ports. */
const networkAddress = /^tcp:\/\/(?<host>\[[0-9a-f:]+\]|[\w.-]+)(?::(?<port>\d{1,5}))?$/i
const wildcards = new Set(['0.0.0.0', '[::]'])
const largestPort = 65_535

/** What a `listen` setting names; null for `ipc`. Port null stands for ports that are free. */
export function networkOf(listen: string): { readonly host: string; readonly port: number | null } | null {
  const { host, port } = networkAddress.exec(listen)?.groups ?? {}
  return host === undefined ? null : { host, port: port === undefined ? null : Number(port) }
}

const listen = z.string().superRefine((value, { addIssue }) => {
  if (value === 'ipc') return
  const network = networkOf(value)
  if (network === null) addIssue('must be "ipc" or an address like "tcp://192.168.0.5:5601"')
  else if (wildcards.has(network.host)) addIssue('must name the address under which others reach this machine')
  // The jobs socket takes the port after it.
  else if (network.port !== null && (network.port < 1 || network.port >= largestPort))
    addIssue(`must have a port from 1 to ${largestPort - 1}`)
})

/** How a worker process is watched, stopped and replaced. Times are in seconds. */
export const workerSettings = z
  .strictObject({
    /** Torch device the jobs run on. */
    device: z.string().default('cpu'),
    /**
     * Where a worker that is started here can be attached to. `ipc`: through sockets in a folder of this user's alone.
     * `tcp://host:port`: over the network too, on that port and the next one (without a port, on two that are free),
     * encrypted with CURVE, by who has the endpoint file with its secret key. Files are named by path, so machines must
     * see the same ones.
     */
    listen: listen.default('ipc'),
    /** From the start of the process to its ready line. */
    readySeconds: seconds.default(60),
    /** Between two transport heartbeats. */
    heartbeatSeconds: seconds.default(1),
    /** Silence of the transport after which the process counts as stopped; twice that until it is given up. */
    heartbeatTimeoutSeconds: seconds.default(5),
    /** Longest time without progress, by what the job is doing. */
    watchdogSeconds: z
      .strictObject({
        loading: seconds.default(900),
        caching: seconds.default(300),
        stepping: seconds.default(300),
        sampling: seconds.default(300),
        saving: seconds.default(600),
      })
      .prefault({}),
    /** From a request to stop to an exception raised inside the job. */
    cancelGraceSeconds: seconds.default(30),
    /** From that exception to the end of the whole process group. */
    cancelKillSeconds: seconds.default(10),
    /** From a request to shut down to the end of the whole process group. */
    shutdownSeconds: seconds.default(5),
    /** Times a dead worker is replaced within one training job, which then goes on from its last checkpoint. */
    restarts: z.int().min(0).max(100).default(2),
    /** Progress events kept for a reader that lags; older ones are dropped and counted. */
    progressBuffer: z.int().min(1).default(256),
    /** Bytes of images on the way to a reader before the job waits for it. */
    blobCreditBytes: z
      .int()
      .min(1)
      .default(64 * 1024 * 1024),
  })
  .meta({ id: 'WorkerSettings' })
export type WorkerSettings = z.output<typeof workerSettings>
export type WorkerSettingsInput = z.input<typeof workerSettings>
