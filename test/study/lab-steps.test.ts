import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defineStudy, fingerCount, lora, planStudy, runStudy } from '../../src/index.ts'
import { buildReport } from '../../src/report/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

test('a study runs on a real worker, answers from the cache the second time, and makes its report', async () => {
  await using lab = await openTestLab()
  const base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90 })
  const prompt = 'a hand'
  const study = defineStudy({
    name: 'small',
    bases: [base.folder],
    datasets: { hands: join(lab.folder, 'images') },
    arms: {
      baseline: {},
      lora: { train: { technique: lora({ rank: 2 }), steps: 2, batchSize: 1 } },
    },
    prompts: [prompt],
    seeds: 2,
    sampling: { steps: 2 },
    metrics: [fingerCount({ expected: { [prompt]: 5 } })],
  })
  const { counts, folder } = await runStudy(lab, study)
  expect(counts).toMatchObject({ total: 5, cached: 0, done: 5, failed: 0, skipped: 0 })
  const { cached, expected } = await planStudy(lab, study)
  expect([cached.size, expected]).toEqual([5, { seconds: 0, bytes: 0 }])
  const again = await runStudy(lab, study)
  expect(again.counts).toMatchObject({ cached: 5, done: 0, failed: 0 })
  const report = await buildReport(folder)
  expect(await readFile(report.html, 'utf8')).toContain('lora')
})
