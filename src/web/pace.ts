/** Spaces requests to one place: at least so long after each other, and none before a time that the place named. */
export class Pace {
  readonly #interval: number
  #free = 0

  /** @param interval milliseconds between two requests */
  constructor(interval: number) {
    this.#interval = interval
  }

  /** Takes the next turn, and gives the milliseconds until it comes. `now`: ms of any steady clock. */
  take(now: number): number {
    const turn = Math.max(now, this.#free)
    this.#free = turn + this.#interval
    return turn - now
  }

  /** Lets nobody have a turn before `time`, by the same clock. */
  hold(time: number): void {
    this.#free = Math.max(this.#free, time)
  }
}
