import { appendFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clip, dinov2, inception, type Lab } from '../../src/index.ts'
import { openTestLab } from '../../src/testing/index.ts'
import { sha256File } from '../../src/util/sha256-file.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { writeExtractors } from './extractors.ts'

let lab: Lab
let folder: string
let images: string[]
beforeAll(async () => {
  lab = await openTestLab()
  folder = await writeExtractors(lab)
  await writeFolder(join(lab.folder, 'images'), { 'a.png': 3, 'b.png': 90, 'c.png': 200 })
  images = ['a', 'b', 'c'].map((name) => join(lab.folder, 'images', `${name}.png`))
})
afterAll(() => lab?.close())

test('every extractor gives a row per image in their order, and its settings decide its hash', async () => {
  const file = join(folder, 'inception.pth')
  const sha256 = (await sha256File(file)).slice(0, 8)
  const extractors = await Promise.all([
    lab.extractor({ type: 'finger-classifier' }),
    lab.extractor(clip({ model: join(folder, 'clip') })),
    lab.extractor(dinov2({ model: join(folder, 'dinov2') })),
    lab.extractor(inception({ weights: file, sha256 })),
    lab.extractor(inception({ weights: file, sha256, resize: 'tensorflow-bilinear' })),
  ])
  expect(new Set(extractors.map((extractor) => extractor.sha256)).size).toBe(5)
  expect(extractors.at(-1)?.label).toBe(`Inception ${sha256}, tensorflow-bilinear`)
  const widths = []
  // The last one differs from the one before by how it resizes.
  for (const extractor of extractors.slice(0, 4)) {
    const rows = await lab.features({ extractor, images, batchSize: 2 })
    const [last] = await lab.features({ extractor, images: images.slice(2) })
    expect(rows).toHaveLength(3)
    widths.push(rows[0]?.length)
    // float32 sums in another order; activations of the random Inception reach 100.
    rows[2]?.forEach((value, i) => {
      expect(Math.abs(value - (last?.[i] ?? Number.NaN))).toBeLessThan(1e-3)
    })
  }
  expect(widths).toEqual([128, 24, 16, 2048])
})

test('a CLIP reads texts, others do not, and no text is cut', async () => {
  const extractor = await lab.extractor(clip({ model: join(folder, 'clip') }))
  const rows = await lab.features({ extractor, texts: ['a hand', 'a fist', 'a hand'] })
  expect(rows.logitScale).toBeGreaterThan(1)
  expect([...(rows[0] ?? [])]).toEqual([...(rows[2] ?? [])])
  expect([...(rows[0] ?? [])]).not.toEqual([...(rows[1] ?? [])])
  await expect(lab.features({ extractor, texts: ['hand '.repeat(100)] })).rejects.toMatchObject({
    code: 'text-too-long',
  })
  const other = await lab.extractor(dinov2({ model: join(folder, 'dinov2') }))
  await expect(lab.features({ extractor: other, texts: ['a hand'] })).rejects.toMatchObject({
    code: 'no-text-features',
  })
})

test('a file is kept when it is named, and nothing lies about else', async () => {
  const extractor = await lab.extractor({ type: 'finger-classifier' })
  const before = await temporaryFolders()
  const file = join(lab.folder, 'kept.safetensors')
  await lab.features({ extractor, images, file })
  await lab.features({ extractor, images })
  const cancelled = lab.features({ extractor, images })
  cancelled.cancel()
  await expect(cancelled.result).rejects.toMatchObject({ code: 'job-cancelled' })
  await expect(lab.features({ extractor, images: [`${images[0]}x`] })).rejects.toMatchObject({ code: 'missing-image' })
  expect(await sha256File(file)).toHaveLength(64)
  await expect.poll(temporaryFolders).toEqual(before)
})

test('what is no extractor, or has changed, is told before or when it is used', async () => {
  const file = join(folder, 'inception.pth')
  await expect(lab.extractor(inception({ weights: file }))).rejects.toMatchObject({ code: 'other-weights' })
  await expect(lab.extractor(inception({ weights: `${file}x` }))).rejects.toMatchObject({ code: 'missing-file' })
  await expect(lab.extractor(clip({ model: 'nowhere' }))).rejects.toMatchObject({ code: 'unknown-model' })
  await expect(lab.extractor({ type: 'clipp' } as never)).rejects.toThrow(/Did you mean "clip"/)
  const model = { model: join(folder, 'clip') }
  await expect(lab.extractor({ type: 'clip', ...model, modle: 1 } as never)).rejects.toThrow(/Did you mean "model"/)
  await expect(lab.features({ extractor: await lab.extractor(dinov2(model)), images })).rejects.toMatchObject({
    code: 'not-a-dinov2',
  })
  const extractor = await lab.extractor(clip(model))
  expect(() => lab.features({ extractor, images: [] })).toThrow(/images: must have at least 1 entry/)
  expect(() => lab.features({ extractor: clip(model) as never, images })).toThrow(/lab\.extractor/)
  await appendFile(join(folder, 'clip', 'model.safetensors'), 'x')
  await expect(lab.features({ extractor, images })).rejects.toMatchObject({ code: 'changed-weights' })
})

async function temporaryFolders(): Promise<string[]> {
  return (await readdir(lab.folder)).filter((name) => name.startsWith('features-'))
}
