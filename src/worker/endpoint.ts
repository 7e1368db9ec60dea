import { hostname } from 'node:os'
import { capability, curveKeyPair } from 'zeromq'
import { z } from 'zod'
import { networkOf } from '../config/worker.ts'
import { WorkerError } from '../errors/index.ts'
import type { Launch, Network, Ready } from '../protocol/launch.ts'

const key = z.string().length(40)

/** CURVE keys of a client in Z85: the worker it trusts, and its own pair. */
const curveKeys = z.strictObject({ serverKey: key, publicKey: key, secretKey: key })
export type CurveKeys = z.output<typeof curveKeys>

/** All that is needed to reach a worker; the content of an endpoint file. */
export const endpoint = z.strictObject({
  /** Name of the machine it runs on. */
  host: z.string(),
  pid: z.int().min(1),
  epoch: z.string(),
  controlEndpoint: z.string(),
  jobsEndpoint: z.string(),
  /** Null for a worker that listens in its private folder alone. */
  keys: curveKeys.nullable(),
})
export type Endpoint = z.output<typeof endpoint>

/** What one incarnation is told of the network, and the secret half of its clients' key, which never leaves this side. */
export interface NetworkLaunch {
  readonly network: Network | null
  readonly secretKey: string | null
}

/** Makes the keys that a `listen` setting asks for. Throws WorkerError (`curve-unsupported`). */
export function launchNetwork(listen: string): NetworkLaunch {
  const address = networkOf(listen)
  if (address === null) return { network: null, secretKey: null }
  if (!capability.curve) {
    throw new WorkerError({
      code: 'curve-unsupported',
      message:
        'This build of ZeroMQ cannot encrypt, so no worker listens on the network. Install the zeromq package with the binary that comes with it.',
      facts: { listen },
    })
  }
  const { publicKey, secretKey } = curveKeyPair()
  const [control, jobs] = address.port === null ? ['*', '*'] : [address.port, address.port + 1]
  const network = {
    controlEndpoint: `tcp://${address.host}:${control}`,
    jobsEndpoint: `tcp://${address.host}:${jobs}`,
    clientKey: publicKey,
  }
  return { network, secretKey }
}

/** How this process reaches its worker, and how others do. */
export function endpointsOf(
  launch: Launch,
  secretKey: string | null,
  ready: Ready,
): { own: Endpoint; shared: Endpoint } {
  const { pid, epoch, serverKey, controlEndpoint, jobsEndpoint } = ready
  const publicKey = launch.network?.clientKey
  const keys = serverKey && publicKey && secretKey ? { serverKey, publicKey, secretKey } : null
  const shared = { host: hostname(), pid, epoch, controlEndpoint, jobsEndpoint, keys }
  return { own: { ...shared, controlEndpoint: launch.controlEndpoint, jobsEndpoint: launch.jobsEndpoint }, shared }
}
