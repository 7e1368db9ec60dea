import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { studyRecord, studyRecordFile } from '../../src/artefact/study-record.ts'
import { showStudy } from '../../src/cli/study-progress.ts'
import {
  defineStudy,
  fingerCount,
  kernelDistanceTo,
  lora,
  planStudy,
  readSeries,
  runStudy,
  type StudyInput,
  whyCell,
} from '../../src/index.ts'
import { buildReport } from '../../src/report/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

test('a study runs on a real worker, answers from the cache the second time, and makes its report', async () => {
  await using lab = await openTestLab()
  const base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90, 'hand/3.png': 200 })
  // Of 120 words, 75 fit between start and end.
  const prompt = 'a '.repeat(120).trim()
  const metric = kernelDistanceTo('hands', { prompts: ['a hand', 'a fist', 'a palm'] })
  const best = { type: 'metric' as const, metric, every: 1, sampling: { steps: 1 } }
  const study = defineStudy({
    name: 'small',
    bases: [base.folder],
    datasets: { hands: join(lab.folder, 'images') },
    arms: {
      baseline: {},
      lora: { train: { technique: lora({ rank: 2 }), steps: 2, batchSize: 1, best } },
    },
    prompts: [prompt],
    seeds: 2,
    sampling: { steps: 2 },
    metrics: [fingerCount({ expected: { [prompt]: 5 } })],
  })
  const said: string[] = []
  const say = (text: string) => said.push(text)
  const show = showStudy({
    json: false,
    print: say,
    result: say,
    fail: say,
    status: say,
    settle: say,
    note: say,
    close: () => undefined,
  })
  const { counts, folder } = await runStudy(lab, study, { onEvent: show })
  expect(counts).toMatchObject({ total: 5, cached: 0, done: 5, failed: 0, skipped: 0 })
  const [training] = studyRecord.parse(JSON.parse(await readFile(join(folder, studyRecordFile), 'utf8'))).trainings
  const series = await readSeries(join(folder, training?.series ?? ''))
  expect(series.map((line) => line.metric)).toEqual([expect.any(Number), expect.any(Number)])
  expect(said.filter((text) => /45 tokens of the prompt lie beyond/.test(text))).toHaveLength(2)
  const { cached, expected } = await planStudy(lab, study)
  expect([cached.size, expected]).toEqual([5, { seconds: 0, bytes: 0 }])
  const again = await runStudy(lab, study)
  expect(again.counts).toMatchObject({ cached: 5, done: 0, failed: 0 })
  const wider = { train: { technique: lora({ rank: 4 }), steps: 2, batchSize: 1, best } }
  const changed = await planStudy(lab, defineStudy({ ...study, arms: { ...study.arms, lora: wider } } as StudyInput))
  expect(changed.cached.size).toBe(2)
  expect((await whyCell(lab, changed, 'training of lora')).nearest?.differences).toEqual([
    { path: 'input.learned.technique.rank', wanted: 4, found: 2 },
  ])
  const report = await buildReport(folder)
  expect(await readFile(report.html, 'utf8')).toContain('lora')
})
