import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { showStudy } from '../../src/cli/study-progress.ts'
import {
  collectGarbage,
  defectProbability,
  defineStudy,
  fingerCount,
  full,
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
  const prompts = { instancePrompt: 'a photo of sks hand', classPrompt: 'a photo of a hand' }
  const classes = { classImages: 2, classSampling: { steps: 1, guidance: 1 } }
  const study = defineStudy({
    name: 'small',
    bases: [base.folder],
    datasets: { hands: join(lab.folder, 'images') },
    arms: {
      baseline: {},
      lora: { train: { technique: lora({ rank: 2 }), steps: 2, batchSize: 1, best } },
      booth: { train: { technique: full(), steps: 2, batchSize: 2, ...prompts, ...classes } },
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
  const { counts, folder, record } = await runStudy(lab, study, { onEvent: show })
  expect(counts).toMatchObject({ total: 8, cached: 0, done: 8, failed: 0, skipped: 0 })
  const trained = record.arms.find(({ name }) => name === 'booth')
  expect(trained?.summary).toContain('as “a photo of sks hand” beside class images “a photo of a hand”')
  expect(await readdir(join(lab.folder, 'class-images'))).toHaveLength(1)
  expect(said.filter((text) => /45 tokens of the prompt lie beyond/.test(text))).toHaveLength(3)
  const chosen = record.trainings.find(({ arms }) => arms.includes('lora'))
  const series = await readSeries(join(folder, chosen?.series ?? ''))
  expect(series.map((line) => line.metric)).toEqual([expect.any(Number), expect.any(Number)])
  const { cached, expected } = await planStudy(lab, study)
  expect([cached.size, expected]).toEqual([8, { seconds: 0, bytes: 0 }])
  const again = await runStudy(lab, study)
  expect(again.counts).toMatchObject({ cached: 8, done: 0, failed: 0 })
  const wider = { train: { technique: lora({ rank: 4 }), steps: 2, batchSize: 1, best } }
  const changed = await planStudy(lab, defineStudy({ ...study, arms: { ...study.arms, lora: wider } } as StudyInput))
  expect(changed.cached.size).toBe(5)
  expect((await whyCell(lab, changed, 'training of lora')).nearest?.differences).toEqual([
    { path: 'input.learned.technique.rank', wanted: 4, found: 2 },
  ])
  const report = await buildReport(folder)
  expect(await readFile(report.html, 'utf8')).toContain('lora')
})

test('halving trains all arms for fewer steps, and only the better half as the study says', async () => {
  await using lab = await openTestLab()
  const base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90 })
  const train = { technique: lora(), steps: 2, batchSize: 1 }
  const study = defineStudy({
    name: 'halved',
    bases: [base.folder],
    datasets: { hands: join(lab.folder, 'images') },
    arms: { baseline: {}, lora: { train, over: { rank: [1, 2] } } },
    prompts: ['a hand'],
    seeds: 2,
    sampling: { steps: 2 },
    metrics: [defectProbability()],
    halving: { steps: [1], seeds: [11, 12] },
  })
  const { record } = await runStudy(lab, study)
  expect(record.halving?.rounds[0]?.arms.map(({ kept }) => kept).toSorted()).toEqual([false, true])
  expect(record.trainings).toMatchObject([{ steps: 2 }])
  expect(record.arms.filter(({ missing }) => missing.length > 0)).toHaveLength(1)
  expect((await collectGarbage(lab.folder)).cells).toEqual([])
})
