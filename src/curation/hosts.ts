import type { LedgerEntry } from '../ledger/index.ts'
import { Pace } from '../web/index.ts'

/** Candidates in the order in which their hosts may be asked. */
export class HostQueues {
  readonly #interval: number
  readonly #paces = new Map<string, Pace>()
  readonly #waiting = new Map<string, LedgerEntry[]>()
  #size = 0

  /** @param interval milliseconds between two requests to one host */
  constructor(interval: number) {
    this.#interval = interval
  }

  /** How many candidates wait. */
  get size(): number {
    return this.#size
  }

  add(entry: LedgerEntry): void {
    const host = hostOf(entry.url)
    const queue = this.#waiting.get(host)
    if (queue === undefined) this.#waiting.set(host, [entry])
    else queue.push(entry)
    this.#size++
  }

  /** Takes a candidate whose host has a turn now; null when none has. `now`: ms of a steady clock. */
  take(now: number): LedgerEntry | null {
    for (const [host, queue] of this.#waiting) {
      const pace = this.pace(host)
      if (pace.wait(now) > 0) continue
      pace.take(now)
      const [entry] = queue.splice(0, 1)
      // At the end of the map, so that hosts take turns.
      this.#waiting.delete(host)
      if (queue.length > 0) this.#waiting.set(host, queue)
      this.#size--
      return entry ?? null
    }
    return null
  }

  /** Milliseconds until a candidate can be taken; infinite without one. */
  wait(now: number): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#waiting.keys()].map((host) => this.pace(host).wait(now)))
  }

  pace(host: string): Pace {
    const known = this.#paces.get(host)
    if (known !== undefined) return known
    // Nobody waits for files on this machine.
    const pace = new Pace(host === '' ? 0 : this.#interval)
    this.#paces.set(host, pace)
    return pace
  }
}

/** Host and port of an address; empty for a file on this machine. */
export function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : ''
}
