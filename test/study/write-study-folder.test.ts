import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { studyRecord, studyRecordFile } from '../../src/artefact/study-record.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { planCells } from '../../src/study/plan.ts'
import { runCells } from '../../src/study/run-cells.ts'
import { writeStudyFolder } from '../../src/study/write-study-folder.ts'
import { facts, study } from './fixtures/sample-plan.ts'
import { scriptedSteps } from './fixtures/scripted-steps.ts'

const plan = planCells(study, facts)
let root: string
let store: CellStore
let results: Awaited<ReturnType<typeof runCells>>

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'phalanx-folder-'))
  store = new CellStore(join(root, 'cells'))
  results = await runCells({ cells: plan.cells, store, runStep: scriptedSteps(join(root, 'log')), workers: 4 })
})
afterAll(() => rm(root, { recursive: true, force: true }))

it('removes what no record names any more, and leaves what others put beside it', async () => {
  const folder = join(root, 'study')
  await write(folder)
  const kept = ['report.html', 'votes/anna.jsonl']
  const stale = ['images/sample-old/1.png', 'series/train-old.jsonl']
  for (const path of [...kept, ...stale]) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), 'x')
  }
  await write(folder)
  for (const path of kept) expect(await readFile(join(folder, path), 'utf8')).toBe('x')
  for (const path of stale) await expect(access(join(folder, path))).rejects.toThrow()
})

it('mends a file that was cut', async () => {
  const folder = join(root, 'mended')
  const { images } = await write(folder)
  const path = join(folder, images[0]?.file ?? '')
  const whole = await readFile(path)
  await writeFile(path, whole.subarray(0, 10))
  await write(folder)
  expect(await readFile(path)).toEqual(whole)
})

it('lets a reader at any moment find a whole record and all files it names', async () => {
  const folder = join(root, 'read')
  await write(folder)
  let writing = true
  const writer = (async () => {
    for (let i = 0; i < 4; i++) await write(folder)
    writing = false
  })()
  let reads = 0
  while (writing) {
    const { images } = studyRecord.parse(JSON.parse(await readFile(join(folder, studyRecordFile), 'utf8')))
    for (const { file } of images) await access(join(folder, file))
    reads++
  }
  await writer
  expect(reads).toBeGreaterThan(0)
})

function write(folder: string) {
  return writeStudyFolder({ plan, ...results, finished: true, store, folder })
}
