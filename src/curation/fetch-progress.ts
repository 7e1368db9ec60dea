import type { CandidateState, Outcome } from '../ledger/index.ts'
import type { CurationEvent } from './events.ts'

/** Counts what fetches come to and tells how far they are. */
export class FetchProgress {
  readonly #states: Record<CandidateState, number>
  readonly #onEvent: (event: CurationEvent) => void
  readonly #started = performance.now()
  #done = 0

  /** @param states of all candidates before the first fetch */
  constructor(states: Readonly<Record<CandidateState, number>>, onEvent: (event: CurationEvent) => void) {
    this.#states = { ...states }
    this.#onEvent = onEvent
  }

  add({ state }: Outcome): void {
    if (state !== 'waiting') {
      this.#states.waiting--
      this.#states[state]++
      this.#done++
    }
    const seconds = (performance.now() - this.#started) / 1000
    const { waiting, fetched, refused } = this.#states
    this.#onEvent({
      type: 'fetch-progress',
      fetched,
      refused,
      waiting,
      secondsLeft: this.#done === 0 ? null : (waiting * seconds) / this.#done,
    })
  }

  tellRetry(milliseconds: number): void {
    const { waiting } = this.#states
    this.#onEvent({ type: 'retry-wait', candidates: waiting, milliseconds: Math.max(0, milliseconds) })
  }
}
