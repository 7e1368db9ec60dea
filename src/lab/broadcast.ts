/** Events kept for a loop that lags; beyond it those that may be dropped go, oldest first. */
const longestQueue = 256

interface Reader<Event> {
  readonly queue: Event[]
  wake: () => void
}

/** Events for any number of loops. Each sees the lasting events from the start and the passing ones from its own. */
export class Broadcast<Event> implements AsyncIterable<Event> {
  readonly #lasting: Event[] = []
  readonly #isLasting: (event: Event) => boolean
  readonly #readers = new Set<Reader<Event>>()
  #ended = false

  constructor(isLasting: (event: Event) => boolean) {
    this.#isLasting = isLasting
  }

  push(event: Event): void {
    if (this.#isLasting(event)) this.#lasting.push(event)
    for (const { queue, wake } of this.#readers) {
      queue.push(event)
      if (queue.length > longestQueue) {
        const passing = queue.findIndex((queued) => !this.#isLasting(queued))
        if (passing >= 0) queue.splice(passing, 1)
      }
      wake()
    }
  }

  /** No event comes after those that were pushed. */
  end(): void {
    this.#ended = true
    for (const { wake } of this.#readers) wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const reader: Reader<Event> = { queue: [...this.#lasting], wake: () => undefined }
    this.#readers.add(reader)
    try {
      while (true) {
        for (let event = reader.queue.shift(); event !== undefined; event = reader.queue.shift()) yield event
        if (this.#ended) return
        await new Promise<void>((resolve) => {
          reader.wake = resolve
        })
      }
    } finally {
      this.#readers.delete(reader)
    }
  }
}
