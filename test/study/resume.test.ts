import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defineStudy, lora, readSeries, runStudy } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

test('a study that is stopped inside a training goes on there, and ends with the adapter of an undisturbed one', async () => {
  await using lab = await openTestLab()
  await using other = await openTestLab()
  const base = await tinyBase(lab)
  const images = join(lab.folder, 'images')
  await writeFolder(images, { 'hand/1.png': 10, 'hand/2.png': 90 })
  const study = defineStudy({
    name: 'stopped',
    bases: [base.folder],
    datasets: { hands: images },
    arms: {
      baseline: {},
      lora: { train: { technique: lora({ rank: 2 }), steps: 6, batchSize: 1, checkpointEvery: 1 } },
    },
    prompts: ['a hand'],
    seeds: 1,
    sampling: { steps: 1 },
  })
  const controller = new AbortController()
  const stopped = runStudy(lab, study, {
    signal: controller.signal,
    onEvent: (event) =>
      event.type === 'cell-progress' && event.cell.kind === 'train' && event.done === 3 && controller.abort(),
  })
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })

  const steps: number[] = []
  const { record, folder } = await runStudy(lab, study, {
    onEvent: (event) => event.type === 'cell-progress' && event.cell.kind === 'train' && steps.push(event.done),
  })
  expect(steps[0]).toBeGreaterThan(1)
  expect(steps.at(-1)).toBe(6)
  const series = join(folder, record.trainings[0]?.series ?? '')
  expect((await readSeries(series)).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])

  const undisturbed = await runStudy(other, study)
  const sampled = (outcome: typeof undisturbed) =>
    Promise.all(outcome.record.images.map(({ file }) => readFile(join(outcome.folder, file))))
  expect(undisturbed.record.trainings[0]?.sha256).toBe(record.trainings[0]?.sha256)
  expect(await sampled(undisturbed)).toEqual(await sampled({ ...undisturbed, record, folder }))
})
