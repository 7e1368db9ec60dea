import type { FailureRecord } from '../artefact/study-record.ts'
import { LabError } from '../errors/index.ts'
import type { Cell } from './cell.ts'
import type { CellRecord } from './cell-record.ts'
import type { CellStore } from './cell-store.ts'
import { ProgressTracker, type StudyCounts, type StudyEvent } from './progress.ts'

/** What a step is given to do its cell with. */
export interface StepContext {
  /** Folder to write the cell's files to; for a training it still holds what an interrupted attempt left. */
  readonly folder: string
  /** Records of the cells that this one needs, by key. */
  readonly needs: ReadonlyMap<string, CellRecord>
  /** Tells how far it is; the loss when there is one. */
  readonly report: (done: number, total: number, loss: number | null) => void
  readonly signal: AbortSignal | undefined
}

/** A step's result: the record without what the runner knows itself. */
export type StepResult = CellRecord extends infer Kind
  ? Kind extends CellRecord
    ? Omit<Kind, 'key' | 'label' | 'work' | 'seconds'>
    : never
  : never

export interface RunCellsOptions {
  readonly cells: readonly Cell[]
  readonly store: CellStore
  /** Does one cell. */
  readonly runStep: (cell: Cell, context: StepContext) => Promise<StepResult>
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: StudyEvent) => void) | undefined
}

/** Results of all cells that finished, now or earlier, and what became of the others. */
export interface CellResults {
  readonly records: ReadonlyMap<string, CellRecord>
  readonly failures: readonly FailureRecord[]
  readonly counts: StudyCounts
  /** True when the signal stopped the run before its end. */
  readonly aborted: boolean
}

type EventFacts = StudyEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'counts'> : never) : never

/** Runs the cells that the store lacks, one after another. A failed cell stops only those that need it. */
export async function runCells({ cells, store, runStep, signal, onEvent }: RunCellsOptions): Promise<CellResults> {
  const finished = await store.keys()
  const progress = new ProgressTracker(cells, finished)
  const records = new Map<string, CellRecord>()
  const failures = new Map<string, FailureRecord>()
  const emit = (event: EventFacts) => onEvent?.({ ...event, counts: progress.counts() })

  for (const cell of cells) {
    if (!finished.has(cell.key)) continue
    const record = await store.read(cell.key)
    records.set(cell.key, record)
    progress.learn(record.kind, record.work, record.seconds)
  }
  emit({ type: 'plan-end' })
  for (const cell of cells) {
    if (records.has(cell.key)) continue
    const failedNeed = cell.needs.find((key) => failures.has(key))
    if (failedNeed !== undefined) {
      failures.set(cell.key, describeSkipped(cell, failures.get(failedNeed) as FailureRecord))
      progress.end(cell, 'skipped')
      emit({ type: 'cell-skip', cell, need: failedNeed })
      continue
    }
    if (signal?.aborted) break
    try {
      emit({ type: 'cell-start', cell })
      const record = await runCell(cell)
      records.set(cell.key, record)
      progress.learn(cell.kind, cell.work, record.seconds)
      progress.end(cell, 'done')
      emit({ type: 'cell-end', cell, record })
    } catch (error) {
      if (signal?.aborted) break
      failures.set(cell.key, describeFailed(cell, error))
      progress.end(cell, 'failed')
      emit({ type: 'cell-fail', cell, error })
    }
  }
  return { records, failures: [...failures.values()], counts: progress.counts(), aborted: signal?.aborted ?? false }

  async function runCell(cell: Cell): Promise<CellRecord> {
    const started = performance.now()
    const elapsed = () => (performance.now() - started) / 1000
    const report = (done: number, total: number, loss: number | null) => {
      const seconds = elapsed()
      progress.advance(cell, total === 0 ? 0 : done / total, seconds)
      emit({ type: 'cell-progress', cell, done, total, loss, rate: seconds === 0 ? null : done / seconds })
    }
    // Only a training can go on where it stopped; half a set of images is started anew.
    if (cell.kind !== 'train') await store.discardWork(cell.key)
    const folder = await store.openWork(cell.key)
    const needs = new Map(cell.needs.map((key) => [key, records.get(key) as CellRecord]))
    const result = await runStep(cell, { folder, needs, report, signal })
    const { key, label, work } = cell
    return store.finish({ ...result, key, label, work, seconds: elapsed() })
  }
}

function describeFailed({ key, label, arms }: Cell, error: unknown): FailureRecord {
  const code = LabError.isInstance(error) ? error.code : 'unexpected-error'
  const message = error instanceof Error ? error.message : String(error)
  return { cell: key, label, arms: [...arms], status: 'failed', code, message }
}

function describeSkipped({ key, label, arms }: Cell, need: FailureRecord): FailureRecord {
  const message = `It needs the ${need.label}, which did not succeed.`
  return { cell: key, label, arms: [...arms], status: 'skipped', code: 'need-failed', message }
}
