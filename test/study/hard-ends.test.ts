import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { studyRecord, studyRecordFile } from '../../src/artefact/study-record.ts'
import { buildReport } from '../../src/report/index.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import { runCells } from '../../src/study/run-cells.ts'
import { writeStudyFolder } from '../../src/study/write-study-folder.ts'
import { RandomStream } from '../../src/util/random.ts'
import { largePlan as plan } from './fixtures/large-plan.ts'
import { scriptedSteps } from './fixtures/scripted-steps.ts'

const script = fileURLToPath(new URL('./fixtures/run-scripted-study.mts', import.meta.url))
const kills = 20
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-kills-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

it('killed at 20 random moments, a study of 200 cells loses and repeats nothing and ends with the same report', async () => {
  expect(plan.cells).toHaveLength(200)
  const random = new RandomStream('kills', 3)
  for (let kill = 0; kill < kills; kill++) {
    const before = await finishedCells()
    const startsBefore = (await starts()).length
    // Early and late: among the cells, and in the last quarter while the study's folder is written.
    const late = kill >= kills * 0.75
    await runAndKill(late ? 'write' : 'run', random.uniform(0, late ? 60 : 150))
    expect(await finishedCells()).toEqual(expect.arrayContaining(before))
    expect((await starts()).slice(startsBefore).filter((key) => before.includes(key))).toEqual([])
    await expectWholeRecord()
  }
  await runAndKill(null, 0)
  const killed = await buildReport(studyFolder())
  const undisturbed = await buildReport(await runUndisturbed())
  expect(await readFile(killed.json, 'utf8')).toBe(await readFile(undisturbed.json, 'utf8'))
  expect(await readFile(killed.html, 'utf8')).toBe(await readFile(undisturbed.html, 'utf8'))
}, 600_000)

/** Starts the study, and kills it so many milliseconds after it came to a phase; null lets it end. */
async function runAndKill(phase: 'run' | 'write' | null, delay: number): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== phase) continue
    await sleep(delay)
    child.kill('SIGKILL')
    break
  }
  const [code] = (await ended) as [number | null]
  if (phase === null) expect(code).toBe(0)
}

/** Whatever was killed, a record that is there is whole and so is every file that it names. */
async function expectWholeRecord(): Promise<void> {
  const text = await readFile(join(studyFolder(), studyRecordFile), 'utf8').catch(() => null)
  if (text === null) return
  const { images, trainings } = studyRecord.parse(JSON.parse(text))
  for (const path of [...images.map(({ file }) => file), ...trainings.map(({ series }) => series)]) {
    await access(join(studyFolder(), path))
  }
}

async function runUndisturbed(): Promise<string> {
  const store = new CellStore(join(folder, 'calm', 'cells'))
  const runStep = scriptedSteps(join(folder, 'calm.log'))
  const results = await runCells({ cells: plan.cells, store, runStep, workers: 8 })
  const target = join(folder, 'calm', 'study')
  await writeStudyFolder({ plan, ...results, finished: true, store, folder: target })
  return target
}

function studyFolder(): string {
  return join(folder, 'studies', plan.study.name)
}

async function finishedCells(): Promise<string[]> {
  return (await readdir(join(folder, 'cells')).catch(() => [])).filter((name) => name !== 'unfinished')
}

async function starts(): Promise<string[]> {
  const text = await readFile(join(folder, 'starts.log'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '')
}
