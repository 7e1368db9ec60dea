import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Budget } from '../../src/study/budget.ts'
import type { Cell } from '../../src/study/cell.ts'
import type { CellRecord } from '../../src/study/cell-record.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { planCells } from '../../src/study/plan.ts'
import type { StudyEvent } from '../../src/study/progress.ts'
import { runCells } from '../../src/study/run-cells.ts'
import { writeStudyFolder } from '../../src/study/write-study-folder.ts'
import { facts, study } from './fixtures/sample-plan.ts'
import { scriptedSteps } from './fixtures/scripted-steps.ts'

const plan = planCells(study, facts)
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-study-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('runCells', () => {
  it('runs every cell once, and none on the second run', async () => {
    const events: StudyEvent[] = []
    const first = await run({ onEvent: (event) => events.push(event) })
    expect(first.counts).toMatchObject({ total: 19, cached: 0, done: 19, failed: 0, secondsLeft: 0 })
    expect(await starts()).toEqual(plan.cells.map((cell) => cell.key))
    expect(events.at(-1)?.type).toBe('cell-end')
    const second = await run({})
    expect(second.counts).toMatchObject({ total: 19, cached: 19, done: 0 })
    expect(await starts()).toHaveLength(19)
    expect(second.records).toEqual(first.records)
  })

  it('learns the time left', async () => {
    const left: (number | null)[] = []
    await run({ onEvent: ({ counts }) => left.push(counts.secondsLeft) })
    expect(left[0]).toBeNull()
    expect(left.at(-1)).toBe(0)
    expect(left.filter((seconds) => seconds !== null && seconds > 0).length).toBeGreaterThan(5)
  })

  it('records a failed cell, skips what needs it, runs the rest, and tries again next time', async () => {
    const failing = (cell: Cell) => cell.kind === 'train' && cell.arms.includes('lora')
    const results = await run({ failing })
    expect(results.counts).toMatchObject({ done: 14, failed: 1, skipped: 4 })
    expect(results.failures[0]).toMatchObject({ status: 'failed', message: 'made to fail: training of lora' })
    const report = await write(results)
    expect(report.metrics[0]?.rows.find((row) => row.arm === 'lora')).toMatchObject({
      estimate: null,
      reason: 'a cell it needs failed',
    })
    expect(report.metrics[0]?.rows.find((row) => row.arm === 'inversion')?.estimate).not.toBeNull()
    const again = await run({})
    expect(again.counts).toMatchObject({ cached: 14, done: 5, failed: 0 })
  })

  it('runs as many cells at a time as there are workers, each after what it needs, and leaves the same records', async () => {
    let [now, most] = [0, 0]
    const alone = await run({})
    await rm(join(folder, 'cells'), { recursive: true })
    await rm(join(folder, 'starts.log'))
    const done = new Set<string>()
    const together = await run({
      workers: 3,
      onEvent: (event) => {
        if (event.type === 'cell-start') {
          now++
          expect(event.cell.needs.every((key) => done.has(key))).toBe(true)
        }
        if (event.type === 'cell-end') {
          now--
          done.add(event.cell.key)
        }
        most = Math.max(most, now)
      },
    })
    expect(most).toBe(3)
    expect((await starts()).toSorted()).toEqual(plan.cells.map((cell) => cell.key).toSorted())
    for (const { key } of plan.cells) {
      expect({ ...together.records.get(key), seconds: 0 }).toEqual({ ...alone.records.get(key), seconds: 0 })
    }
  })

  it('starts no more than the budget allows, tells what is left, and goes on next time', async () => {
    const budget = { cells: 5, seconds: null, bytes: null }
    const some = await run({ budget })
    expect(some.counts).toMatchObject({ done: 5, failed: 0, left: 14 })
    expect(some.failures).toHaveLength(14)
    expect(some.failures[0]).toMatchObject({
      status: 'left',
      code: 'budget-spent',
      message: expect.stringContaining('budget of 5 cells'),
    })
    const record = await write(some)
    expect(record.arms.some(({ missing }) => missing.some(({ status }) => status === 'left'))).toBe(true)
    expect((await run({ budget: { ...budget, cells: null, bytes: 1 } })).counts).toMatchObject({ done: 1, left: 13 })
    expect((await run({ budget: { ...budget, cells: null, seconds: 1e-9 } })).counts).toMatchObject({
      done: 0,
      left: 13,
    })
    expect((await run({ budget: { ...budget, cells: 13 } })).counts).toMatchObject({ done: 13, left: 0 })
  })

  it('stops at a full disk with what to do, and goes on when there is room', async () => {
    const full = async (cell: Cell) => {
      if (cell === plan.cells[3]) await writeFile('/dev/full', 'x')
    }
    const stopped = await run({ before: full })
    expect(stopped.counts).toMatchObject({ done: 3, failed: 1, skipped: 1, left: 14 })
    expect(stopped.failures[0]).toMatchObject({
      status: 'failed',
      code: 'disk-full',
      message: expect.stringContaining('ENOSPC'),
    })
    expect(stopped.failures[1]).toMatchObject({
      status: 'left',
      code: 'disk-full',
      message: expect.stringContaining('Free some space'),
    })
    expect((await run({})).counts).toMatchObject({ cached: 3, done: 16, failed: 0 })
  })

  it('does not mind a clock that jumps', async () => {
    const jumps = [1e13, 0, -1e13, 5e12]
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => jumps[Math.floor(performance.now()) % 4] as number)
    const { records, counts } = await run({})
    clock.mockRestore()
    expect(counts).toMatchObject({ done: 19, failed: 0 })
    for (const { seconds } of records.values()) {
      expect(seconds).toBeGreaterThan(0)
      expect(seconds).toBeLessThan(600)
    }
    expect((await run({})).counts.cached).toBe(19)
  })

  it('takes what somebody else finished meanwhile, and leaves it as it is', async () => {
    const store = new CellStore(join(folder, 'cells'))
    const cell = plan.cells.find(({ kind }) => kind === 'train') as Cell
    const { records } = await run({})
    const first = records.get(cell.key)
    await writeFile(join(await store.openWork(cell.key), 'adapter.safetensors'), 'mine')
    expect(await store.finish({ ...(first as CellRecord), seconds: 99 })).toEqual(first)
    expect(await readFile(join(store.folder(cell.key), 'adapter.safetensors'), 'utf8')).toBe(cell.key)
    expect(await store.hasWork(cell.key)).toBe(false)
  })

  it('stops at an abort, keeps what is finished and goes on later', async () => {
    const controller = new AbortController()
    const stopped = await run({
      signal: controller.signal,
      onEvent: (event) => event.type === 'cell-end' && event.counts.done === 3 && controller.abort(),
    })
    expect(stopped).toMatchObject({ aborted: true, counts: { done: 3, failed: 0 } })
    expect((await run({})).counts).toMatchObject({ cached: 3, done: 16 })
  })

  it('starts an interrupted set of samples anew but leaves an interrupted training its folder', async () => {
    const sample = plan.cells.find((cell) => cell.kind === 'sample') as Cell
    const training = plan.cells.find((cell) => cell.kind === 'train') as Cell
    for (const { key } of [sample, training]) {
      await mkdir(join(folder, 'cells', 'unfinished', key), { recursive: true })
      await writeFile(join(folder, 'cells', 'unfinished', key, 'left-over'), 'x')
    }
    await run({})
    expect(await readdir(join(folder, 'cells', sample.key))).not.toContain('left-over')
    expect(await readdir(join(folder, 'cells', training.key))).toContain('left-over')
  })
})

interface Changes {
  failing?: (cell: Cell) => boolean
  before?: (cell: Cell) => Promise<void>
  workers?: number
  budget?: Budget
  signal?: AbortSignal
  onEvent?: (event: StudyEvent) => void
}

function run({ failing, before, ...options }: Changes) {
  const store = new CellStore(join(folder, 'cells'))
  const step = scriptedSteps(join(folder, 'starts.log'), failing)
  const runStep: typeof step = async (cell, context) => {
    await before?.(cell)
    return step(cell, context)
  }
  return runCells({ cells: plan.cells, store, runStep, ...options })
}

function write(results: Awaited<ReturnType<typeof runCells>>) {
  const store = new CellStore(join(folder, 'cells'))
  return writeStudyFolder({ plan, ...results, finished: true, store, folder: join(folder, 'study') })
}

async function starts(): Promise<string[]> {
  const text = await readFile(join(folder, 'starts.log'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '')
}
