import type { Cell } from './cell.ts'
import type { CellRecord } from './cell-record.ts'

/** How far a study is. */
export interface StudyCounts {
  readonly total: number
  /** Found finished when the study began. */
  readonly cached: number
  /** Run to their end in this session. */
  readonly done: number
  readonly failed: number
  readonly skipped: number
  /** Not started because a budget was spent or the disk was full. */
  readonly left: number
  /** Estimated from the rates of finished work of each kind; null while a kind is still unknown. */
  readonly secondsLeft: number | null
}

/** What a running study tells, in order; every event carries the counts at that moment. */
export type StudyEvent = { readonly counts: StudyCounts } & (
  | { readonly type: 'plan-end' }
  | { readonly type: 'cell-start'; readonly cell: Cell }
  | {
      readonly type: 'cell-progress'
      readonly cell: Cell
      /** Steps, images or denoising evaluations, as the worker counts them. */
      readonly done: number
      readonly total: number
      readonly loss: number | null
      /** Units a second. */
      readonly rate: number | null
    }
  | { readonly type: 'cell-end'; readonly cell: Cell; readonly record: CellRecord }
  | { readonly type: 'cell-fail'; readonly cell: Cell; readonly error: unknown }
  | { readonly type: 'cell-skip'; readonly cell: Cell; readonly need: string }
)

type Kind = Cell['kind']

const kinds = ['train', 'sample', 'repair', 'score', 'embed'] as const satisfies readonly Kind[]

/** Counts cells and learns how long a unit of each kind of work takes. */
export class ProgressTracker {
  readonly #workers: number
  readonly #total: number
  readonly #cached: number
  readonly #spent = emptyWork()
  /** Work of each kind that is not finished. */
  readonly #open = emptyWork()
  readonly #running = new Map<string, { cell: Cell; share: number; seconds: number }>()
  readonly #ended = { done: 0, failed: 0, skipped: 0, left: 0 }

  constructor(cells: readonly Cell[], cached: ReadonlySet<string>, workers: number) {
    this.#workers = workers
    const open = cells.filter((cell) => !cached.has(cell.key))
    for (const { kind, work } of open) this.#open[kind].work += work
    this.#total = cells.length
    this.#cached = cells.length - open.length
  }

  /** Learns from a finished cell, of this session or an earlier one. */
  learn(kind: Kind, work: number, seconds: number): void {
    this.#spent[kind].work += work
    this.#spent[kind].seconds += seconds
  }

  advance(cell: Cell, share: number, seconds: number): void {
    this.#running.set(cell.key, { cell, share, seconds })
  }

  end(cell: Cell, outcome: 'done' | 'failed' | 'skipped' | 'left'): void {
    this.#open[cell.kind].work -= cell.work
    this.#running.delete(cell.key)
    this.#ended[outcome]++
  }

  counts(): StudyCounts {
    return { total: this.#total, cached: this.#cached, ...this.#ended, secondsLeft: this.#secondsLeft() }
  }

  #secondsLeft(): number | null {
    let left = 0
    for (const kind of kinds) {
      const running = [...this.#running.values()].filter(({ cell }) => cell.kind === kind)
      const done = running.reduce((sum, { cell, share }) => sum + share * cell.work, 0)
      const work = this.#open[kind].work - done
      if (work <= 0) continue
      const perUnit = this.#secondsPerUnit(kind, running)
      if (perUnit === null) return null
      left += perUnit * work
    }
    return left / this.#workers
  }

  /** The cells that run now tell more of this moment than those that are finished. */
  #secondsPerUnit(kind: Kind, running: readonly { cell: Cell; share: number; seconds: number }[]): number | null {
    const telling = running.filter(({ share }) => share > 0.05)
    const done = telling.reduce((sum, { cell, share }) => sum + share * cell.work, 0)
    if (done > 0) return telling.reduce((sum, { seconds }) => sum + seconds, 0) / done
    const { work, seconds } = this.#spent[kind]
    return work > 0 ? seconds / work : null
  }
}

function emptyWork(): Record<Kind, { seconds: number; work: number }> {
  const none = () => ({ seconds: 0, work: 0 })
  return { train: none(), sample: none(), repair: none(), score: none(), embed: none() }
}
