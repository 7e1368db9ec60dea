import type { SampleEvent, TrainEvent } from '../lab/index.ts'
import { formatCount, formatSeconds } from '../report/format.ts'
import type { RunEvent } from '../worker/index.ts'
import type { Terminal } from './terminal.ts'

/** Shows how far a run is, in one line: steps with loss, rate and time left. */
export class RunStatus {
  readonly #terminal: Terminal
  readonly #started = performance.now()
  /** Step that this run began after. */
  #first: number | null = null

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  show(event: TrainEvent | SampleEvent): void {
    switch (event.type) {
      case 'step-end':
        this.#step(event)
        break
      case 'metric-end':
        this.#terminal.note(
          `step ${event.step}: ${event.metric} ${event.value.toPrecision(4)}${event.best ? ', the best so far' : ''}`,
        )
        break
      case 'step-skip':
        this.#terminal.note(`step ${event.step}: skipped, its gradients overflowed float16`)
        break
      case 'worker-restart':
        this.#terminal.note(`The worker was replaced: ${event.reason}`)
        break
      case 'progress-update':
        this.#terminal.status(`${formatCount(event.done)} of ${formatCount(event.total)}`)
        break
      case 'log-line':
        // Before the first step these tell of an environment that is made, which takes minutes.
        if (this.#first === null) this.#terminal.status(event.text)
    }
  }

  #step({ step, total, loss, heldOutLoss }: RunEvent & { type: 'step-end' }): void {
    this.#first ??= step - 1
    if (heldOutLoss !== null) this.#terminal.note(`step ${step}: held-out loss ${heldOutLoss.toFixed(4)}`)
    const rate = (step - this.#first) / ((performance.now() - this.#started) / 1000)
    const left = formatSeconds((total - step) / rate)
    this.#terminal.status(
      `step ${step} of ${total} · loss ${loss.toFixed(4)} · ${rate.toPrecision(3)} steps/s · ${left} left`,
    )
  }
}
