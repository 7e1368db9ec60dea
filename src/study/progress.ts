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

/** Counts cells and learns how long a unit of each kind of work takes. */
export class ProgressTracker {
  readonly #waiting: Map<string, Cell>
  readonly #total: number
  readonly #cached: number
  readonly #spent: Record<Kind, { seconds: number; work: number }> = {
    train: { seconds: 0, work: 0 },
    sample: { seconds: 0, work: 0 },
    score: { seconds: 0, work: 0 },
  }
  #done = 0
  #failed = 0
  #skipped = 0
  #current: { cell: Cell; share: number; seconds: number } | null = null

  constructor(cells: readonly Cell[], cached: ReadonlySet<string>) {
    this.#waiting = new Map(cells.filter((cell) => !cached.has(cell.key)).map((cell) => [cell.key, cell]))
    this.#total = cells.length
    this.#cached = cells.length - this.#waiting.size
  }

  /** Learns from a finished cell, of this session or an earlier one. */
  learn(kind: Kind, work: number, seconds: number): void {
    this.#spent[kind].work += work
    this.#spent[kind].seconds += seconds
  }

  advance(cell: Cell, share: number, seconds: number): void {
    this.#current = { cell, share, seconds }
  }

  end(cell: Cell, outcome: 'done' | 'failed' | 'skipped'): void {
    this.#waiting.delete(cell.key)
    this.#current = null
    if (outcome === 'done') this.#done++
    else if (outcome === 'failed') this.#failed++
    else this.#skipped++
  }

  counts(): StudyCounts {
    return {
      total: this.#total,
      cached: this.#cached,
      done: this.#done,
      failed: this.#failed,
      skipped: this.#skipped,
      secondsLeft: this.#secondsLeft(),
    }
  }

  #secondsLeft(): number | null {
    let left = 0
    for (const cell of this.#waiting.values()) {
      const running = this.#current?.cell.key === cell.key ? this.#current : null
      const perUnit = this.#secondsPerUnit(cell.kind, running)
      if (perUnit === null) return null
      left += perUnit * cell.work * (1 - (running?.share ?? 0))
    }
    return left
  }

  #secondsPerUnit(kind: Kind, running: { cell: Cell; share: number; seconds: number } | null): number | null {
    const { work, seconds } = this.#spent[kind]
    const current = running ?? (this.#current?.cell.kind === kind ? this.#current : null)
    if (current !== null && current.share > 0.05) return current.seconds / (current.share * current.cell.work)
    return work > 0 ? seconds / work : null
  }
}
