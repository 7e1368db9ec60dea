/** Spaces requests to one place: at least so long after each other, and none before a time that the place named. */
export class Pace {
  #interval: number
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

  /** Milliseconds until a turn could be taken. */
  wait(now: number): number {
    return Math.max(0, this.#free - now)
  }

  /** Makes turns at least `interval` milliseconds apart; one that is longer already stays. */
  slow(interval: number): void {
    this.#interval = Math.max(this.#interval, interval)
  }

  /** Lets nobody have a turn before `time`, by the same clock. */
  hold(time: number): void {
    this.#free = Math.max(this.#free, time)
  }
}
