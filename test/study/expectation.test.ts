import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Cell } from '../../src/study/cell.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { expectCost } from '../../src/study/expectation.ts'
import { planCells } from '../../src/study/plan.ts'
import { facts, study } from './fixtures/sample-plan.ts'

const { cells } = planCells(study, facts)
const scores = cells.filter((cell) => cell.kind === 'score')
let folder: string
let store: CellStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-expect-'))
  store = new CellStore(folder)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A finished score of another study, with a file beside its record. */
async function finish(name: string, work: number, seconds: number, bytes: number): Promise<void> {
  const key = `score-${name}`
  await writeFile(join(await store.openWork(key), 'features'), Buffer.alloc(bytes))
  await store.finish({ kind: 'score', key, identity: null, label: name, work, seconds, judgements: [] })
}

test('time and disk per unit of work are those of finished cells of the lab', async () => {
  await finish('a', 10, 2, 5000)
  await finish('b', 30, 10, 15_000)
  const units = scores.reduce((sum, { work }) => sum + work, 0)
  const { seconds, bytes } = await expectCost(scores, store)
  expect(seconds).toBeCloseTo((units * 12) / 40, 9)
  // The records themselves take a few hundred bytes beside the files.
  expect(bytes).toBeGreaterThan((units * 20_000) / 40)
  expect(bytes).toBeLessThan((units * 20_600) / 40)
})

test('nothing to do costs nothing; a kind that was never finished leaves it unknown', async () => {
  expect(await expectCost([], store)).toEqual({ seconds: 0, bytes: 0 })
  await finish('a', 10, 2, 5000)
  const train = cells.find((cell) => cell.kind === 'train') as Cell
  expect(await expectCost([train, ...scores], store)).toEqual({ seconds: null, bytes: null })
})

test('a record that cannot be read is passed over', async () => {
  await finish('a', 10, 2, 0)
  await finish('b', 10, 2, 0)
  await writeFile(join(store.folder('score-b'), 'cell.json'), '{')
  expect((await expectCost(scores.slice(0, 1), store)).seconds).toBeCloseTo((scores[0] as Cell).work / 5, 9)
})
