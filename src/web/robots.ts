import robotsModule from 'robots-parser'
import { type FetchCall, type FetchFailure, fetchFile } from './fetch-file.ts'

/** What a host's robots.txt says of an address. */
export type RobotsVerdict =
  | { readonly type: 'allowed'; readonly delayMilliseconds: number }
  | ({ readonly type: 'refused' } & Refusal)

/** As a fetch tells it; a temporary one means that nobody knows for now, which RFC 9309 takes as a refusal. */
type Refusal = Pick<FetchFailure, 'reason' | 'temporary' | 'wait'>

// The library's types tell of an ES module, and it is a function in a CommonJS one.
const robotsParser = robotsModule as unknown as typeof robotsModule.default

type Rules = ReturnType<typeof robotsParser> | Refusal | null

const longestDelay = 60_000
/** What RFC 9309 has every reader take at least. */
const largestFile = 500 * 1024
const failureMilliseconds = 60_000

/**
 * The robots.txt files of hosts, each asked once (RFC 9309): a missing one (4xx) allows everything, one that cannot be
 * had (5xx, no connection, too slow) nothing until it is asked again a minute later.
 */
export class RobotsFiles {
  readonly #call: FetchCall
  readonly #robot: string
  readonly #known = new Map<string, { readonly rules: Promise<Rules>; readonly until: number }>()

  /** @param robot own name in robots.txt */
  constructor(call: Omit<FetchCall, 'accept' | 'largestBytes' | 'onHop' | 'onHeaders'>, robot: string) {
    this.#call = { ...call, accept: 'text/plain,*/*;q=0.1', largestBytes: largestFile }
    this.#robot = robot
  }

  /** Throws the signal's reason. */
  async verdict(url: URL): Promise<RobotsVerdict> {
    const rules = await this.#rulesOf(url.origin)
    if (rules === null) return { type: 'allowed', delayMilliseconds: 0 }
    if ('wait' in rules) return { type: 'refused', ...rules }
    if (rules.isAllowed(url.href, this.#robot) === false)
      return { type: 'refused', reason: 'robots-refuse', temporary: false, wait: null }
    const delay = (rules.getCrawlDelay(this.#robot) ?? 0) * 1000
    return { type: 'allowed', delayMilliseconds: Number.isFinite(delay) ? Math.min(delay, longestDelay) : 0 }
  }

  async #rulesOf(origin: string): Promise<Rules> {
    const known = this.#known.get(origin)
    if (known !== undefined && known.until > performance.now()) return known.rules
    const rules = this.#fetch(origin)
    this.#known.set(origin, { rules, until: Number.POSITIVE_INFINITY })
    const found = await rules
    if (found !== null && 'wait' in found)
      this.#known.set(origin, { rules, until: performance.now() + failureMilliseconds })
    return found
  }

  async #fetch(origin: string): Promise<Rules> {
    const address = `${origin}/robots.txt`
    const file = await fetchFile(address, this.#call)
    if (file.type === 'file') return robotsParser(address, file.bytes.toString('utf8'))
    if (/^http-4(?!29)/.test(file.reason)) return null
    // What may not be connected to for robots.txt may not be for anything.
    const isBlocked = file.reason === 'blocked-address'
    return { reason: isBlocked ? file.reason : 'robots-unreachable', temporary: !isBlocked, wait: file.wait }
  }
}
