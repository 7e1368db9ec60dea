import type { RunEvent } from './worker.ts'

interface Buffered {
  readonly event: RunEvent
  /** Bytes that are given back to the worker when a reader has taken the event. */
  owed: number
}

type Waiting = (event: RunEvent | undefined) => void

const droppableTypes: ReadonlySet<RunEvent['type']> = new Set(['step-end', 'progress-update', 'log-line'])

/**
 * Events between the socket and whoever reads them. Progress beyond the limit is dropped, oldest first, and counted;
 * everything else is kept. While a loop reads, the bytes of an image are given back only when the loop takes it.
 */
export class EventBuffer {
  readonly #limit: number
  readonly #giveBack: (bytes: number) => void
  readonly #events = new Map<number, Buffered>()
  readonly #droppable = new Set<number>()
  #next = 0
  #readers = 0
  #waiting: Waiting[] = []
  #ended = false
  #droppedProgress = 0
  #droppedLines = 0

  constructor(limit: number, giveBack: (bytes: number) => void) {
    this.#limit = limit
    this.#giveBack = giveBack
  }

  /** Progress events dropped here. */
  get droppedProgress(): number {
    return this.#droppedProgress
  }

  /** Printed lines dropped here. */
  get droppedLines(): number {
    return this.#droppedLines
  }

  push(event: RunEvent, bytes: number): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      this.#return(bytes)
      waiting(event)
      return
    }
    const owed = this.#readers > 0 ? bytes : 0
    if (owed === 0) this.#return(bytes)
    const key = this.#next++
    this.#events.set(key, { event, owed })
    if (droppableTypes.has(event.type)) this.#droppable.add(key)
    if (this.#droppable.size > this.#limit) this.#dropOldest()
  }

  /** No event comes after those that are there. */
  end(): void {
    this.#ended = true
    for (const waiting of this.#waiting.splice(0)) waiting(undefined)
  }

  /** The next event, or undefined at the end. */
  take(): Promise<RunEvent | undefined> {
    for (const [key, { event, owed }] of this.#events) {
      this.#events.delete(key)
      this.#droppable.delete(key)
      this.#return(owed)
      return Promise.resolve(event)
    }
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  openReader(): void {
    this.#readers += 1
  }

  /** When the last loop is left, nobody holds the job back any more. */
  closeReader(): void {
    this.#readers -= 1
    if (this.#readers > 0) return
    for (const buffered of this.#events.values()) {
      this.#return(buffered.owed)
      buffered.owed = 0
    }
  }

  #dropOldest(): void {
    for (const key of this.#droppable) {
      if (this.#events.get(key)?.event.type === 'log-line') this.#droppedLines += 1
      else this.#droppedProgress += 1
      this.#droppable.delete(key)
      this.#events.delete(key)
      return
    }
  }

  #return(bytes: number): void {
    if (bytes > 0) this.#giveBack(bytes)
  }
}
