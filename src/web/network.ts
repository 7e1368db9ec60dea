import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { Agent, type Dispatcher } from 'undici'
import { addressIn, isPublicAddress } from './public-address.ts'

/** An address that strangers may not send this program to. */
export class BlockedAddressError extends Error {}

/** How names are resolved and which places may be reached. */
export interface NetworkRules {
  /** All addresses of a host. */
  resolve(host: string): Promise<readonly { readonly address: string; readonly family: number }[]>
  /** Whether a connection to this address and port may be made. */
  mayConnect(address: string, port: number): boolean
}

const openInternet: NetworkRules = {
  resolve: (host) => lookup(host, { all: true }),
  mayConnect: (address, port) => isPublicAddress(address) && (port === 80 || port === 443),
}

const connectMilliseconds = 10_000
const silentMilliseconds = 20_000

/**
 * Connections to places that a stranger named. A host is resolved once for each connection, every one of its addresses
 * must be allowed, and the connection goes to one that was looked at, so that no second answer can lead elsewhere.
 */
export class Network implements AsyncDisposable {
  readonly #rules: NetworkRules
  readonly #agents = new Map<number, Agent>()

  /** Made by `openNetwork`. */
  constructor(rules: NetworkRules) {
    this.#rules = rules
  }

  /**
   * What sends requests to a URL's host. Throws BlockedAddressError at once for one that names an address itself, which
   * nobody looks up; connections throw it for what a host resolves to.
   */
  dispatcherFor(url: URL): Dispatcher {
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
    const address = addressIn(url)
    if (address !== null) this.#check(address, port)
    const known = this.#agents.get(port)
    if (known !== undefined) return known
    const agent = new Agent({
      connect: { lookup: this.#lookup(port), timeout: connectMilliseconds },
      headersTimeout: silentMilliseconds,
      bodyTimeout: silentMilliseconds,
    })
    this.#agents.set(port, agent)
    return agent
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
  }

  #lookup(port: number): LookupFunction {
    return (host, options, done) => {
      this.#rules.resolve(host).then(
        (found) => {
          try {
            for (const { address } of found) this.#check(address, port)
            const [first] = found
            if (first === undefined) throw new Error(`${host} has no address`)
            if (options.all) done(null, [...found])
            else done(null, first.address, first.family)
          } catch (error) {
            done(error as Error, '', 0)
          }
        },
        (error: Error) => done(error, '', 0),
      )
    }
  }

  #check(address: string, port: number): void {
    if (!this.#rules.mayConnect(address, port))
      throw new BlockedAddressError(`${address} port ${port} is not on the open internet`)
  }
}

/** The open internet on its two usual ports; tests give rules of their own. */
export function openNetwork(rules: NetworkRules = openInternet): Network {
  return new Network(rules)
}
