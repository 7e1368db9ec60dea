/** Who looks at what: a tab of a browser, and the person before it. */
export interface Viewer {
  readonly tab: string
  readonly reviewer: string
}

/** Milliseconds after which what a tab that says nothing more looked at is free again. */
export const leaseMilliseconds = 60_000

/** Which pictures are before somebody, one for each tab, so that no two people do the same work. */
export class Leases {
  readonly #held = new Map<string, { readonly candidate: number; readonly reviewer: string; readonly until: number }>()

  /** Has a tab look at a candidate in place of what it looked at before; who looks at it already, keeps it. */
  take(candidate: number, { tab, reviewer }: Viewer, now: number): void {
    if (this.holder(candidate, tab, now) !== null) this.#held.delete(tab)
    else this.#held.set(tab, { candidate, reviewer, until: now + leaseMilliseconds })
  }

  /** The person before a candidate in another tab; null when there is none. */
  holder(candidate: number, tab: string, now: number): string | null {
    return this.others(tab, now).find((other) => other.candidate === candidate)?.reviewer ?? null
  }

  /** What is before other tabs. */
  others(tab: string, now: number): { readonly candidate: number; readonly reviewer: string }[] {
    for (const [name, { until }] of this.#held) if (until <= now) this.#held.delete(name)
    return [...this.#held]
      .filter(([name]) => name !== tab)
      .map(([, { candidate, reviewer }]) => ({ candidate, reviewer }))
  }

  release(tab: string): void {
    this.#held.delete(tab)
  }
}
