import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ratingsOf } from '../../src/artefact/rating-record.ts'
import { takeFolder } from '../../src/lab/index.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { collectGarbage, defineStudy } from '../../src/study/index.ts'
import { planCells } from '../../src/study/plan.ts'
import { writePlanRecord } from '../../src/study/plan-record.ts'
import { facts, study, studyInput } from './fixtures/sample-plan.ts'

const plan = planCells(study, facts)
const keys = plan.cells.map(({ key }) => key)
let lab: string
let store: CellStore

beforeEach(async () => {
  lab = await mkdtemp(join(tmpdir(), 'phalanx-garbage-'))
  store = new CellStore(join(lab, 'cells'))
  await writePlanRecord(join(lab, 'studies', 'four-ways'), plan)
  await finish(keys[0] as string, 10)
  await finish('sample-old', 500)
  await writeFile(join(await store.openWork('train-old'), 'checkpoint'), Buffer.alloc(70))
  await writeFile(join(await store.openWork(keys[1] as string), 'checkpoint'), 'x')
})
afterEach(() => rm(lab, { recursive: true, force: true }))

it('finds what no study refers to, finished or not, and touches nothing by default', async () => {
  const { cells, bytes, removed } = await collectGarbage(lab)
  expect(cells.map(({ key, finished }) => [key, finished])).toEqual([
    ['sample-old', true],
    ['train-old', false],
  ])
  expect(bytes).toBeGreaterThan(570)
  expect(removed).toBe(false)
  expect([...(await store.keys())].sort()).toEqual([keys[0], 'sample-old'].sort())
})

it('does not take the ratings of a study, which lie beside it, for another study', async () => {
  const { cells } = await collectGarbage(lab)
  await mkdir(ratingsOf(join(lab, 'studies', 'four-ways')))
  expect((await collectGarbage(lab)).cells).toEqual(cells)
  expect(() => defineStudy({ ...studyInput, name: 'four-ways.ratings' })).toThrow(/must not end with \.ratings/)
})

it('removes it when asked to, and nothing else', async () => {
  expect((await collectGarbage(lab, { remove: true })).removed).toBe(true)
  expect([...(await store.keys())]).toEqual([keys[0]])
  expect([...(await store.unfinishedKeys())]).toEqual([keys[1]])
  expect((await collectGarbage(lab)).cells).toEqual([])
})

it('keeps the cells of every study, and lets them go when its folder is deleted', async () => {
  const other = join(lab, 'studies', 'other')
  await mkdir(other, { recursive: true })
  const record = { format: 'phalanx-plan', version: 1, name: 'other', plan: '', cells: ['sample-old', 'train-old'] }
  await writeFile(join(other, 'plan.json'), JSON.stringify(record))
  expect((await collectGarbage(lab)).cells).toEqual([])
  await rm(other, { recursive: true })
  expect((await collectGarbage(lab)).cells).toHaveLength(2)
})

it('removes nothing when it cannot know what a study refers to, or when somebody uses the lab', async () => {
  const held = await takeFolder(lab)
  await expect(collectGarbage(lab, { remove: true })).rejects.toMatchObject({ code: 'lab-in-use' })
  await held.release()
  await writeFile(join(lab, 'studies', 'four-ways', 'plan.json'), '{')
  await expect(collectGarbage(lab, { remove: true })).rejects.toMatchObject({ code: 'plan-record-invalid' })
  expect([...(await store.keys())]).toContain('sample-old')
})

it('finds nothing in a lab that does not exist, and makes none', async () => {
  const absent = join(lab, 'absent')
  expect((await collectGarbage(absent)).cells).toEqual([])
  await expect(readdir(absent)).rejects.toThrow()
})

async function finish(key: string, bytes: number): Promise<void> {
  await writeFile(join(await store.openWork(key), 'images'), Buffer.alloc(bytes))
  await store.finish({ kind: 'score', key, identity: null, label: key, work: 1, seconds: 1, judgements: [] })
}
