import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lora } from '../../src/config/technique.ts'
import { ConfigError } from '../../src/errors/index.ts'
import { differencesOf, explainCell } from '../../src/study/cell-reason.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import { planCells } from '../../src/study/plan.ts'
import { runCells } from '../../src/study/run-cells.ts'
import { facts, study, studyInput } from './fixtures/sample-plan.ts'
import { scriptedSteps } from './fixtures/scripted-steps.ts'

const plan = planCells(study, facts)
let folder: string
let store: CellStore

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-why-'))
  store = new CellStore(join(folder, 'cells'))
  await runCells({ cells: plan.cells, store, runStep: scriptedSteps(join(folder, 'starts.log')), workers: 4 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('explainCell', () => {
  it('says that a finished cell is cached, by label and by the beginning of its key', async () => {
    const [cell] = plan.cells
    for (const name of [cell?.label ?? '', cell?.key.slice(0, 20) ?? '', cell?.key ?? '']) {
      expect(await explainCell(plan, store, name)).toMatchObject({ key: cell?.key, cached: true, nearest: null })
    }
  })

  it('names the setting that differs from the most similar finished training', async () => {
    const other = changed({ lora: { train: { technique: lora({ rank: 8 }), steps: 20 } } })
    const reason = await explainCell(other, store, 'training of lora')
    expect(reason).toMatchObject({ cached: false, interrupted: false, missingNeeds: [] })
    expect(reason.nearest).toEqual({
      key: plan.arms[2]?.training,
      label: 'training of lora',
      differences: [{ path: 'input.learned.technique.rank', wanted: 8, found: 4 }],
    })
  })

  it('follows a difference into the training that a set of samples needs', async () => {
    const other = changed({ lora: { train: { technique: lora({ rank: 8 }), steps: 20 } } })
    const reason = await explainCell(other, store, 'samples of lora for “a photo of an apple”')
    expect(reason.missingNeeds).toEqual([other.arms[1]?.training])
    expect(reason.nearest?.differences).toEqual([{ path: 'train: input.learned.technique.rank', wanted: 8, found: 4 }])
  })

  it('tells code, environment and data apart, and an interrupted attempt', async () => {
    const code = planCells(study, { ...facts, code: { ...facts.code, train: 'new code' } })
    const reason = await explainCell(code, store, 'training of lora')
    expect(reason.nearest?.differences).toEqual([{ path: 'code', wanted: 'new code', found: facts.code.train }])
    const elsewhere = planCells(study, { ...facts, environment: { ...facts.environment, device: 'cuda' } })
    await writeFile(join(await store.openWork(elsewhere.arms[2]?.training ?? ''), 'checkpoint'), 'x')
    const interrupted = await explainCell(elsewhere, store, 'training of lora')
    expect(interrupted.interrupted).toBe(true)
    expect(interrupted.nearest?.differences).toEqual([{ path: 'environment.device', wanted: 'cuda', found: 'cpu' }])
  })

  it('has nothing to compare with in an empty lab', async () => {
    const empty = new CellStore(join(folder, 'empty'))
    expect((await explainCell(plan, empty, 'training of lora')).nearest).toBeNull()
  })

  it('refuses a cell that the study has not, with the nearest, and one that is unclear', async () => {
    await expect(explainCell(plan, store, 'training of lore')).rejects.toThrow(/Did you mean "training of lora"/)
    await expect(explainCell(plan, store, 'train-')).rejects.toThrow(ConfigError)
    await expect(explainCell(plan, store, 'train-')).rejects.toMatchObject({ code: 'unclear-cell' })
  })
})

it('differencesOf finds added, removed and changed leaves', () => {
  expect(differencesOf({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 3], d: null }, e: 'x' })).toEqual([
    { path: 'a', wanted: 1, found: undefined },
    { path: 'b.c.1', wanted: 2, found: 3 },
    { path: 'b.d', wanted: undefined, found: null },
    { path: 'e', wanted: undefined, found: 'x' },
  ])
})

function changed(arms: object) {
  return planCells(defineStudy({ ...studyInput, arms: { baseline: {}, ...arms } }), facts)
}
