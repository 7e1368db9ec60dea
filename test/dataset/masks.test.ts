import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDataset } from '../../src/dataset/index.ts'
import type { DatasetOptions } from '../../src/index.ts'
import { image, writeFolder } from './image-folder.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-masks-'))
})
afterAll(() => rm(folder, { recursive: true }))

let count = 0
/** A dataset of these files. */
async function open(files: Parameters<typeof writeFolder>[1], options: DatasetOptions = {}) {
  const root = join(folder, `images-${count++}`)
  await writeFolder(root, files)
  return openDataset(root, { folder: join(folder, 'manifests') }, options)
}

function problems(files: Parameters<typeof writeFolder>[1], options: DatasetOptions = {}): Promise<unknown> {
  return open(files, options).then(
    () => [],
    (error) => error.facts.problems,
  )
}

/** A mask, white in its left half. */
function mask(width = 24, height = 16): Promise<Buffer> {
  const levels = Uint8Array.from({ length: width * height }, (_, at) => (at % width < width / 2 ? 255 : 0))
  return sharp(levels, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer()
}

/** An image with an alpha channel. */
function transparent(alpha: number): Promise<Buffer> {
  return sharp({ create: { width: 24, height: 16, channels: 4, background: { r: 1, g: 2, b: 3, alpha } } })
    .png()
    .toBuffer()
}

test('a mask lies beside its image or is named in metadata.jsonl, and is part of the identity', async () => {
  const beside = await open({ 'a.png': 1, 'a.mask.png': await mask(), 'b.png': 2 })
  expect(beside.items.map(({ file, mask: own }) => [file, own?.file])).toEqual([
    ['a.png', 'a.mask.png'],
    ['b.png', undefined],
  ])
  const line = JSON.stringify({ file_name: 'a.png', mask: 'masks/any.png' })
  const named = await open({ 'a.png': 1, 'masks/any.png': await mask(), 'metadata.jsonl': line })
  expect(named.items[0]?.mask).toEqual({ ...beside.items[0]?.mask, file: 'masks/any.png' })
  const without = await open({ 'a.png': 1, 'b.png': 2 })
  expect(without.sha256).not.toBe(beside.sha256)
})

test('an alpha channel is a mask only when asked, and a file comes before it', async () => {
  const files = { 'a.png': await transparent(0.5), 'b.png': await transparent(1), 'b.mask.png': await mask() }
  expect((await open(files)).items.map((item) => item.mask?.file)).toEqual([undefined, 'b.mask.png'])
  const asked = await open(files, { alphaMasks: true })
  expect(asked.items.map((item) => item.mask?.file)).toEqual(['a.png', 'b.mask.png'])
  expect(asked.items[0]?.mask?.sha256).toBe(asked.items[0]?.sha256)
})

test('what cannot be a mask is refused with its reason', async () => {
  expect(await problems({ 'a.png': 1, 'a.mask.png': await mask(48, 32) })).toEqual([
    expect.objectContaining({
      file: 'a.mask.png',
      code: 'mask-mismatch',
      message: expect.stringMatching(/48x32.*24x16/),
    }),
  ])
  const black = await sharp({ create: { width: 24, height: 16, channels: 3, background: 'black' } })
    .png()
    .toBuffer()
  expect(await problems({ 'a.png': 1, 'a.mask.png': black })).toMatchObject([{ code: 'mask-empty' }])
  expect(await problems({ 'a.png': await transparent(0) }, { alphaMasks: true })).toMatchObject([
    { code: 'mask-empty' },
  ])
  expect(await problems({ 'a.png': await image(1) }, { alphaMasks: true })).toMatchObject([{ code: 'no-alpha' }])
  expect(await problems({ 'a.png': 1, 'a.mask.png': 'no image' })).toMatchObject([{ code: 'broken-image' }])
  const outside = JSON.stringify({ file_name: 'a.png', mask: '../other/a.png' })
  expect(await problems({ 'a.png': 1, 'metadata.jsonl': outside })).toMatchObject([{ code: 'outside-folder' }])
})
