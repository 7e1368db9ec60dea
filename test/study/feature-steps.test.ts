import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  clip,
  clipScoreOf,
  defineStudy,
  dinov2,
  frechetDistanceTo,
  nearestImageIn,
  runStudy,
  sharpness,
} from '../../src/index.ts'
import { clipScore } from '../../src/metrics/index.ts'
import { buildReport } from '../../src/report/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { writeExtractors } from '../lab/extractors.ts'

test('a study measures by features of extractors, from the cache the second time, and reports them', async () => {
  await using lab = await openTestLab()
  const base = await tinyBase(lab)
  const folder = await writeExtractors(lab)
  const images = join(lab.folder, 'images')
  await writeFolder(images, { '1.png': 10, '2.png': 90, '3.png': 200 })
  const prompt = 'a hand'
  const score = clip({ model: join(folder, 'clip') })
  const study = defineStudy({
    name: 'by-features',
    bases: [base.folder],
    arms: { baseline: {}, told: { negativePrompt: 'fist' } },
    datasets: { hands: images },
    prompts: [prompt],
    seeds: 3,
    sampling: { steps: 1 },
    metrics: [
      clipScoreOf({ features: score }),
      nearestImageIn('hands'),
      frechetDistanceTo('hands', { features: dinov2({ model: join(folder, 'dinov2') }) }),
      sharpness(),
    ],
  })
  const { counts, folder: results, record } = await runStudy(lab, study)
  // Two samples; of each the features of three extractors and a judgement; the hands by two of them; the text.
  expect(counts).toMatchObject({ total: 2 + 2 * 4 + 2 + 1, failed: 0, done: 13 })
  expect((await runStudy(lab, study)).counts).toMatchObject({ cached: 13, done: 0 })
  const files = record.images.filter(({ arm }) => arm === 'told').map(({ file }) => join(results, file))
  const extractor = await lab.extractor(score)
  const rows = await lab.features({ extractor, images: files })
  const [text = new Float32Array()] = await lab.features({ extractor, texts: [`A photo depicts ${prompt}`] })
  const scores = rows.map((row) => clipScore([...row], [...text], 'clipscore', 1))
  const mean = scores.reduce((sum, value) => sum + value, 0) / 3
  const [told] = record.metrics.map(({ rows: found }) => found.find(({ arm }) => arm === 'told'))
  expect(told?.estimate?.value).toBeCloseTo(mean, 5)
  for (const metric of record.metrics) expect(metric.rows.every(({ estimate }) => estimate !== null)).toBe(true)
  const page = await readFile((await buildReport(results)).html, 'utf8')
  for (const { label } of record.metrics) expect(page.toLowerCase()).toContain(label.toLowerCase())
})
