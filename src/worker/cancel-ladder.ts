import type { CancelOutcome } from './errors-from-wire.ts'
import type { RunLink } from './run.ts'

export interface CancelLadderOptions {
  readonly jobId: string
  readonly graceMilliseconds: number
  readonly killMilliseconds: number
  /** The worker that does the job now, null between two of them. */
  readonly link: () => RunLink | null
}

/**
 * Stops a job ever harder: asks it to stop at its next boundary, raises an exception inside it, ends its process.
 * Each step gets its time; asking again takes the next step at once.
 */
export class CancelLadder {
  /** The last checkpoint the job told of. */
  checkpoint: string | null = null
  reason: unknown
  #step: 'none' | 'cooperative' | 'exception' | 'killed' = 'none'
  #requestedAt = 0
  #timer: NodeJS.Timeout | undefined
  readonly #options: CancelLadderOptions

  constructor(options: CancelLadderOptions) {
    this.#options = options
  }

  get requested(): boolean {
    return this.#step !== 'none'
  }

  /** How the job ended, if it was ended with its process. */
  get outcome(): CancelOutcome | null {
    if (this.#step !== 'killed') return null
    return {
      level: 'killed',
      milliseconds: performance.now() - this.#requestedAt,
      resumable: this.checkpoint !== null,
      checkpoint: this.checkpoint,
    }
  }

  climb(reason?: unknown): void {
    if (this.#step === 'none') {
      this.reason = reason
      this.#requestedAt = performance.now()
      this.#take('cooperative', this.#options.graceMilliseconds)
    } else if (this.#step === 'cooperative') {
      this.#take('exception', this.#options.killMilliseconds)
    } else if (this.#step === 'exception') {
      this.#kill()
    }
  }

  /** Says it again, to a worker that may not have heard it. */
  repeat(): void {
    if (this.#step === 'cooperative' || this.#step === 'exception') {
      this.#options.link()?.cancel(this.#options.jobId, this.#step)
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #take(step: 'cooperative' | 'exception', milliseconds: number): void {
    this.#step = step
    this.repeat()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.climb(), milliseconds)
  }

  #kill(): void {
    clearTimeout(this.#timer)
    const kill = this.#options.link()?.kill
    if (kill === undefined || kill === null) return
    this.#step = 'killed'
    kill()
  }
}
