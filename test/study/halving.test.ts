import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defectProbability, defectRate } from '../../src/config/metric.ts'
import { lora } from '../../src/config/technique.ts'
import { ConfigError } from '../../src/errors/index.ts'
import { renderHalving } from '../../src/report/sections/halving.ts'
import type { Cell } from '../../src/study/cell.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { planCells, type StudyPlan } from '../../src/study/plan.ts'
import { type CellResults, runCells, type StepContext } from '../../src/study/run-cells.ts'
import { runHalving } from '../../src/study/run-halving.ts'
import { readSeen } from '../../src/study/seen.ts'
import { writeStudyFolder } from '../../src/study/write-study-folder.ts'
import { facts, studyInput } from './fixtures/sample-plan.ts'
import { scriptedSteps } from './fixtures/scripted-steps.ts'

const train = { technique: lora(), steps: 100 }
const halved = {
  arms: { baseline: {}, lora: { train, over: { rank: [1, 2, 3, 4, 5] } } },
  metrics: [defectProbability()],
  halving: { steps: [10, 30], seeds: [101, 102, 103] },
}

describe('runHalving', () => {
  let folder: string
  let store: CellStore
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phalanx-halving-'))
    store = new CellStore(join(folder, 'cells'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('drops the worse half by the metric, round by round, on seeds of its own, and compares what is left', async () => {
    const study = defined(halved)
    const plans: StudyPlan[] = []
    const outcome = await halve(study, plans)
    // Rank 3 is made the best, then 2 and 4: three of five go on, then two of three.
    expect(
      outcome?.record.rounds.map(({ steps, arms }) => [steps, arms.flatMap(({ arm, kept }) => (kept ? [arm] : []))]),
    ).toEqual([
      [10, ['lora rank=2', 'lora rank=3', 'lora rank=4']],
      [30, ['lora rank=2', 'lora rank=3']],
    ])
    expect(plans.map(({ cells }) => cells.filter(({ kind }) => kind === 'train').length)).toEqual([5, 3])
    for (const cell of plans.flatMap(({ cells }) => cells)) {
      if (cell.kind === 'sample') expect(cell.input.seeds).toEqual([101, 102, 103])
    }
    expect([...(outcome?.dropped ?? [])].map(([arm]) => arm)).toEqual(['lora rank=1', 'lora rank=5', 'lora rank=4'])
    const plan = planCells(study, facts, outcome?.dropped)
    expect(plan.arms.map(({ training }) => training !== null)).toEqual([false, false, true, true, false, false])
    expect(plan.arms[1]?.notApplicable[0]).toMatch(/^left out by halving after round 1, 10 steps: it came to 0\.\d+$/)
    const results = await run(plan)
    const halving = outcome?.record
    const record = await writeStudyFolder({
      plan,
      ...results,
      halving,
      finished: true,
      store,
      folder: join(folder, 'study'),
    })
    expect(record.metrics[0]?.rows[1]).toMatchObject({ estimate: null, reason: expect.stringContaining('halving') })
    expect(renderHalving(record)?.text).toMatch(/lora rank=2 \(0\.\d+\) and lora rank=3 \(0\.\d+\)/)
  })

  it('chooses the same again from the cache, and runs nothing twice', async () => {
    const study = defined(halved)
    const first = await halve(study)
    const started: string[] = []
    const again = await halve(study, [], (cell) => started.push(cell.key))
    expect(again).toEqual(first)
    expect(started).toEqual([])
  })

  it('drops an arm that failed, tells the failure, and gives nothing when aborted', async () => {
    const study = defined(halved)
    const outcome = await halve(study, [], (cell) => {
      if (cell.kind === 'train' && cell.arms.includes('lora rank=3')) throw new Error('made to fail')
    })
    expect(outcome?.dropped.get('lora rank=3')).toMatch(/could not be measured/)
    expect(outcome?.failures[0]).toMatchObject({ status: 'failed', message: 'made to fail' })
    const signal = AbortSignal.abort()
    const stopped = (plan: StudyPlan) => run(plan, undefined, signal)
    expect(await runHalving({ study, halving: study.halving!, facts, run: stopped, read })).toBeNull()
  })

  it('does not rank what a full disk left', async () => {
    const full = halve(defined(halved), [], (cell) => {
      if (cell.kind === 'score') throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
    })
    await expect(full).rejects.toMatchObject({
      code: 'halving-incomplete',
      message: expect.stringContaining('Free some space'),
    })
  })

  function halve(study: ReturnType<typeof defined>, plans: StudyPlan[] = [], before?: (cell: Cell) => void) {
    const runRound = (plan: StudyPlan) => {
      plans.push(plan)
      return run(plan, before)
    }
    return runHalving({ study, halving: study.halving!, facts, run: runRound, read })
  }

  function read({ records }: CellResults) {
    return readSeen(records, store)
  }

  /** Scripted steps whose defects grow with the distance of the rank from 2.9. */
  function run(plan: StudyPlan, before?: (cell: Cell) => void, signal?: AbortSignal) {
    const steps = scriptedSteps(join(folder, 'starts.log'))
    const runStep = async (cell: Cell, context: StepContext) => {
      before?.(cell)
      const result = await steps(cell, context)
      if (result.kind !== 'score') return result
      const rank = Number(/rank=(\d)/.exec(cell.arms[0] ?? '')?.[1] ?? 9)
      const judgements = result.judgements.map((one) => ({
        ...one,
        defectProbability: Math.abs(rank - 2.9) / 10 + one.defectProbability / 1e3,
      }))
      return { ...result, judgements }
    }
    return runCells({ cells: plan.cells, store, runStep, workers: 4, signal })
  }
})

const refused: [string, object, RegExp][] = [
  ['a metric that is not there', { metric: 1 }, /no entry 1/],
  ['seeds of the study', { seeds: [101, 2] }, /^Seed 2 is one of the study's/],
  ['a seed twice', { seeds: [101, 101] }, /there twice/],
  ['steps that do not grow', { steps: [30, 10] }, /must grow/],
  ['a round as long as the study', { steps: [100] }, /no shorter/],
]
it.each(refused)('refuses halving with %s', (_, change, message) => {
  const define = () => defined({ ...halved, halving: { ...halved.halving, ...change } })
  expect(define).toThrow(ConfigError)
  expect(define).toThrow(message)
})

it('refuses halving of what it cannot rank', () => {
  expect(() => defined({ ...halved, arms: { baseline: {}, lora: { train } } })).toThrow(/at least two/)
  const over = { 'train.steps': [100, 200] }
  expect(() => defined({ ...halved, arms: { baseline: {}, lora: { train, over } } })).toThrow(/equally many steps/)
  expect(() => defined({ ...halved, budget: { cells: 3 } })).toThrow(/budget/)
  const warm = { ...train, schedule: { type: 'cosine', warmupSteps: 20 } }
  expect(() => defined({ ...halved, arms: { baseline: {}, lora: { train: warm, over: { rank: [1, 2] } } } })).toThrow(
    /warm-up/,
  )
  const best = { type: 'metric', metric: defectRate({ prompts: ['a hand'] }), every: 10 }
  const chosen = { ...train, best }
  expect(() => defined({ ...halved, arms: { baseline: {}, lora: { train: chosen, over: { rank: [1, 2] } } } })).toThrow(
    /before `best` has something to choose from/,
  )
  const seeds = { baseline: {}, lora: { train, over: { rank: [1, 2] }, seeds: [1] } }
  expect(() => defined({ ...halved, arms: seeds })).toThrow(/seeds of its own/)
})

function defined(change: object) {
  return defineStudy({ ...studyInput, ...change } as StudyInput)
}
