import type { FailureRecord } from '../artefact/study-record.ts'
import { LabError } from '../errors/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { folderBytes } from '../util/folder-bytes.ts'
import { type Budget, spentPart } from './budget.ts'
import type { Cell } from './cell.ts'
import type { CellRecord } from './cell-record.ts'
import type { CellStore } from './cell-store.ts'
import { ProgressTracker, type StudyCounts, type StudyEvent } from './progress.ts'
import { Schedule } from './schedule.ts'

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
    ? Omit<Kind, 'key' | 'identity' | 'label' | 'work' | 'seconds'>
    : never
  : never

export interface RunCellsOptions {
  readonly cells: readonly Cell[]
  readonly store: CellStore
  /** Does one cell. */
  readonly runStep: (cell: Cell, context: StepContext) => Promise<StepResult>
  /** Cells that run at the same time; 1 by default. */
  readonly workers?: number | undefined
  readonly budget?: Budget | undefined
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: StudyEvent) => void) | undefined
}

/** Results of all cells that finished, now or earlier, and what became of the others. */
export interface CellResults {
  readonly records: ReadonlyMap<string, CellRecord>
  /** In the order of the plan. */
  readonly failures: readonly FailureRecord[]
  readonly counts: StudyCounts
  /** True when the signal stopped the run before its end. */
  readonly aborted: boolean
}

type EventFacts = StudyEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'counts'> : never) : never

/**
 * Runs the cells that the store lacks, as many at a time as there are workers. A failed cell stops only those that need
 * it; a spent budget and a full disk let what runs finish and leave the rest.
 */
export async function runCells(options: RunCellsOptions): Promise<CellResults> {
  const finished = await options.store.keys()
  const runner = new CellRunner(options, finished)
  await runner.readFinished()
  await runner.run()
  return runner.results()
}

class CellRunner {
  readonly #options: RunCellsOptions
  readonly #workers: number
  readonly #schedule: Schedule
  readonly #progress: ProgressTracker
  readonly #records = new Map<string, CellRecord>()
  readonly #failures = new Map<string, FailureRecord>()
  readonly #finished: ReadonlySet<string>
  readonly #started = performance.now()
  #startedCells = 0
  #writtenBytes = 0
  #full: Error | null = null

  constructor(options: RunCellsOptions, finished: ReadonlySet<string>) {
    this.#options = options
    this.#workers = options.workers ?? 1
    this.#finished = finished
    this.#schedule = new Schedule(options.cells, finished, this.#workers)
    this.#progress = new ProgressTracker(options.cells, finished, this.#workers)
  }

  async readFinished(): Promise<void> {
    for (const { key } of this.#options.cells) {
      if (!this.#finished.has(key)) continue
      const record = await this.#options.store.read(key)
      this.#records.set(key, record)
      this.#progress.learn(record.kind, record.work, record.seconds)
    }
    this.#emit({ type: 'plan-end' })
  }

  async run(): Promise<void> {
    const running = new Map<number, Promise<void>>()
    for (;;) {
      for (let worker = 0; worker < this.#workers && this.#mayStart(); worker++) {
        const cell = running.has(worker) ? null : this.#schedule.take(worker)
        if (cell === null) continue
        this.#startedCells++
        running.set(
          worker,
          this.#do(cell).finally(() => running.delete(worker)),
        )
      }
      if (running.size === 0) return
      await Promise.race(running.values())
    }
  }

  results(): CellResults {
    const aborted = this.#options.signal?.aborted ?? false
    const reason = this.#obstacle()
    if (!aborted && reason !== null) {
      for (const cell of this.#schedule.left()) {
        this.#failures.set(cell.key, { ...describe(cell), status: 'left', ...reason })
        this.#progress.end(cell, 'left')
      }
    }
    const failures = this.#options.cells.flatMap(({ key }) => this.#failures.get(key) ?? [])
    return { records: this.#records, failures, counts: this.#progress.counts(), aborted }
  }

  #mayStart(): boolean {
    return !this.#options.signal?.aborted && this.#obstacle() === null
  }

  /** Why no other cell is started. */
  #obstacle(): Pick<FailureRecord, 'code' | 'message'> | null {
    if (this.#full !== null) {
      return { code: 'disk-full', message: 'The disk was full. Free some space and run the study again to go on.' }
    }
    const { budget } = this.#options
    const seconds = (performance.now() - this.#started) / 1000
    const spent = budget && spentPart(budget, { cells: this.#startedCells, seconds, bytes: this.#writtenBytes })
    if (!spent) return null
    return { code: 'budget-spent', message: `The budget of ${spent} was spent. Run the study again to go on.` }
  }

  async #do(cell: Cell): Promise<void> {
    const { store, budget, signal } = this.#options
    try {
      this.#emit({ type: 'cell-start', cell })
      const record = await this.#make(cell)
      this.#records.set(cell.key, record)
      this.#schedule.finish(cell)
      if (budget?.bytes) this.#writtenBytes += await folderBytes(store.folder(cell.key))
      this.#progress.learn(cell.kind, cell.work, record.seconds)
      this.#progress.end(cell, 'done')
      this.#emit({ type: 'cell-end', cell, record })
    } catch (error) {
      if (signal?.aborted) return
      if (isDiskFull(error)) this.#full = error
      this.#failures.set(cell.key, { ...describe(cell), status: 'failed', ...describeError(error) })
      this.#progress.end(cell, 'failed')
      this.#emit({ type: 'cell-fail', cell, error })
      for (const { cell: dependent, need } of this.#schedule.fail(cell)) {
        const message = `It needs the ${need.label}, which did not succeed.`
        this.#failures.set(dependent.key, { ...describe(dependent), status: 'skipped', code: 'need-failed', message })
        this.#progress.end(dependent, 'skipped')
        this.#emit({ type: 'cell-skip', cell: dependent, need: need.key })
      }
    }
  }

  async #make(cell: Cell): Promise<CellRecord> {
    const { store, runStep, signal } = this.#options
    const started = performance.now()
    const elapsed = () => (performance.now() - started) / 1000
    const report = (done: number, total: number, loss: number | null) => {
      const seconds = elapsed()
      this.#progress.advance(cell, total === 0 ? 0 : done / total, seconds)
      this.#emit({ type: 'cell-progress', cell, done, total, loss, rate: seconds === 0 ? null : done / seconds })
    }
    // Only a training can go on where it stopped; half a set of images is started anew.
    if (cell.kind !== 'train') await store.discardWork(cell.key)
    const folder = await store.openWork(cell.key)
    const needs = new Map(cell.needs.map((key) => [key, this.#records.get(key) as CellRecord]))
    const result = await runStep(cell, { folder, needs, report, signal })
    const { key, label, work } = cell
    const identity = JSON.parse(canonicalJson(cell.identity))
    return store.finish({ ...result, key, identity, label, work, seconds: elapsed() })
  }

  #emit(event: EventFacts): void {
    this.#options.onEvent?.({ ...event, counts: this.#progress.counts() })
  }
}

function describe({ key, label, arms }: Cell): Pick<FailureRecord, 'cell' | 'label' | 'arms'> {
  return { cell: key, label, arms: [...arms] }
}

function describeError(error: unknown): Pick<FailureRecord, 'code' | 'message'> {
  const message = error instanceof Error ? error.message : String(error)
  if (isDiskFull(error)) return { code: 'disk-full', message }
  return { code: LabError.isInstance(error) ? error.code : 'unexpected-error', message }
}

const diskFullCodes: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'disk-full']

/** True for the file system's own errors and for those of the worker and of the lab. */
function isDiskFull(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && diskFullCodes.includes(error.code)
}
