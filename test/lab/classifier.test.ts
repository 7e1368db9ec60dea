import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Lab } from '../../src/index.ts'
import { openTestLab } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let images: string
beforeAll(async () => {
  lab = await openTestLab()
  images = join(lab.folder, 'images')
  // As many bright bars as fingers; those with five are the malformed ones.
  const shown = Array.from({ length: 48 }, (_, i) => ({ name: `${i}.png`, fingers: i % 6 }))
  const files = await Promise.all(shown.map(async ({ name, fingers }, i) => [name, await bars(fingers, i)] as const))
  const rows = shown.map(({ name, fingers }) => ({ file_name: name, text: 'bars', fingers, defect: fingers === 5 }))
  const metadata = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  await writeFolder(images, { ...Object.fromEntries(files), 'metadata.jsonl': metadata })
})
afterAll(() => lab?.close())

/** A picture with vertical bars of random height. */
function bars(count: number, seed: number): Promise<Buffer> {
  const pixels = Buffer.alloc(32 * 32 * 3, 40)
  for (let bar = 0; bar < count; bar++) {
    for (let y = 8 + ((seed * 7 + bar * 5) % 9); y < 32; y++) {
      for (const x of [5 * bar + 3, 5 * bar + 4]) pixels.fill(220, (y * 32 + x) * 3, (y * 32 + x + 1) * 3)
    }
  }
  return sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer()
}

const small = { imageSize: 32, channels: [8, 16], steps: 150, batchSize: 24, learningRate: 0.01, augment: false }

test('a classifier is trained on labels, judges files in their order, and loads again by its path', async () => {
  const dataset = await lab.dataset(images)
  const run = lab.trainClassifier({ dataset, file: join(lab.folder, 'bars.safetensors'), ...small })
  const steps: number[] = []
  for await (const event of run) if (event.type === 'step-end') steps.push(event.step)
  const trained = await run.result
  expect(steps).toEqual(Array.from({ length: 150 }, (_, i) => i + 1))
  expect(trained.file.path).toBe(join(lab.folder, 'bars.safetensors'))
  const files = [5, 0, 3, 11, 1].map((i) => join(images, `${i}.png`))
  const judgements = await lab.classify({ classifier: trained.file.path, images: files, batchSize: 2 })
  expect(judgements.map(({ fingers }) => fingers)).toEqual([5, 0, 3, 5, 1])
  const defects = judgements.map(({ defectProbability }) => defectProbability > 0.5)
  expect(defects).toEqual([true, false, false, true, false])
  for (const { fingerProbabilities, features } of judgements) {
    expect(fingerProbabilities.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5)
    expect(features).toHaveLength(16)
  }
})

test('the classifier of the package judges any picture', async () => {
  const [judgement] = await lab.classify({ images: [join(images, '0.png')] })
  expect(judgement?.fingerProbabilities).toHaveLength(7)
  expect(judgement?.features).toHaveLength(128)
})

test('what cannot be judged or learned from is told, and the worker stays', async () => {
  await writeFolder(join(lab.folder, 'odd'), { 'a.png': 'not a picture', 'b.png': 3, 'c.png': 90 })
  const odd = (name: string) => join(lab.folder, 'odd', name)
  await expect(lab.classify({ images: [odd('a.png')] })).rejects.toMatchObject({ code: 'broken-image' })
  await expect(lab.classify({ images: [odd('none.png')] })).rejects.toMatchObject({ code: 'missing-image' })
  const file = odd('b.png')
  await expect(lab.classify({ classifier: file, images: [file] })).rejects.toMatchObject({ name: 'ArtefactError' })
  expect(() => lab.classify({ images: [] })).toThrow(/images: must have at least 1 entry/)
  await writeFolder(join(lab.folder, 'plain'), { 'b.png': 3, 'c.png': 90 })
  const dataset = await lab.dataset(join(lab.folder, 'plain'))
  const training = lab.trainClassifier({ dataset, file: join(lab.folder, 'x.safetensors'), steps: 1 })
  await expect(training.result).rejects.toMatchObject({ name: 'DatasetError', code: 'no-labels' })
  expect(() => lab.trainClassifier({ dataset, file: 'x.pt', stepps: 1 } as never)).toThrow(/Did you mean "steps"/)
  expect(await lab.classify({ images: [join(images, '1.png')] })).toHaveLength(1)
})
