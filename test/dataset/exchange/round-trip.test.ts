import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DatasetExportInput } from '../../../src/config/export.ts'
import { exportDataset, openDataset } from '../../../src/dataset/index.ts'
import { image, writeFolder } from '../image-folder.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'exchange-test-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

function open(path: string) {
  return openDataset(join(root, path), { folder: join(root, 'lab') })
}

/** What must be the same after a round trip. */
async function contentOf(path: string) {
  const { items } = await open(path)
  return items.map(({ sha256, caption, repeats, fingers, defect, mask, control }) => {
    return { sha256, caption, repeats, fingers, defect, mask: mask?.sha256, control: control?.sha256 }
  })
}

async function writeRows(captions: readonly string[], facts: (i: number) => object = () => ({})): Promise<void> {
  const rows = captions.map((text, i) => JSON.stringify({ file_name: `${10 + i}.png`, text, ...facts(i) }))
  const images = Object.fromEntries(captions.map((_, i) => [`own/${10 + i}.png`, i]))
  await writeFolder(root, { ...images, 'own/metadata.jsonl': rows.join('\n') })
}

const layouts: readonly DatasetExportInput[] = [
  { as: 'imagefolder' },
  { as: 'webdataset' },
  { as: 'webdataset', shardBytes: 10_240 },
  { as: 'kohya', name: 'sks hand' },
]

test.each(layouts)('%j keeps images, captions, repeats and their order', async (layout) => {
  const captions = ['a palm', '', 'two "quoted", 1_2', "l'ombre 手 👋🏽", 'x'.repeat(300), '{"a":1}', '#', '10_palm']
  await writeRows(captions, (i) => ({ repeats: (i % 3) + 1 }))
  const before = await contentOf('own')
  const { images, leftOut } = await exportDataset(await open('own'), join(root, 'out'), layout)
  expect([images, leftOut]).toEqual([8, []])
  const after = await contentOf('out')
  // sd-scripts' folders come one after the other, so that images of other repeats change places.
  const byHash = (a: { sha256: string }, b: { sha256: string }) => (a.sha256 < b.sha256 ? -1 : 1)
  expect(after.toSorted(byHash)).toEqual(before.toSorted(byHash))
  if (layout.as !== 'kohya') expect(after).toEqual(before)
})

test.each(layouts.slice(0, 3))('%j keeps labels, masks and control pictures', async (layout) => {
  await writeRows(['a', 'b'], (i) => ({
    fingers: i + 4,
    defect: i === 0,
    ...(i === 1 && { mask: 'm.png', control: 'c.png' }),
  }))
  await writeFolder(join(root, 'own'), { 'm.png': await image(255), 'c.png': await image(7) })
  const before = await contentOf('own')
  await exportDataset(await open('own'), join(root, 'out'), layout)
  expect(await contentOf('out')).toEqual(before)
  expect(before[1]).toMatchObject({ fingers: 5, mask: expect.any(String), control: expect.any(String) })
})

test('any captions come back from each layout, or sd-scripts’ is refused them', async () => {
  const caption = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed()),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.constantFrom('', '\n', 'two\nlines', ' spaces ', '\ufeffmark', '"', '\\', '\u2028', '\0', '\u001f'),
  )
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(caption, { minLength: 1, maxLength: 5 }), async (captions) => {
      await rm(join(root, 'own'), { recursive: true, force: true })
      await writeRows(captions)
      const dataset = await open('own')
      for (const layout of layouts.slice(0, 2)) {
        const name = `out${runs++}`
        await exportDataset(dataset, join(root, name), layout)
        expect((await open(name)).items.map((item) => item.caption)).toEqual(captions)
      }
      const name = `out${runs++}`
      const isLine = (text: string) => /^(?:[^\s\p{Cc}\ufeff](?:[^\r\n]*[^\s\p{Cc}\ufeff])?)?$/u.test(text)
      const written = exportDataset(dataset, join(root, name), { as: 'kohya' })
      if (!captions.every(isLine)) await expect(written).rejects.toMatchObject({ code: 'cannot-export' })
      else {
        await written
        expect((await open(name)).items.map((item) => item.caption)).toEqual(captions)
      }
    }),
    { numRuns: 8 },
  )
})

test('shards have the same bytes however often they are written, and their size is kept', async () => {
  await writeRows(Array.from({ length: 9 }, (_, i) => `hand ${i}`))
  const dataset = await open('own')
  for (const name of ['a', 'b'])
    await exportDataset(dataset, join(root, name), { as: 'webdataset', shardBytes: 10_240 })
  const shards = await readdir(join(root, 'a'))
  expect(shards).toEqual(['00000.tar', '00001.tar', '00002.tar'])
  for (const shard of shards) {
    const [a, b] = [await readFile(join(root, 'a', shard)), await readFile(join(root, 'b', shard))]
    expect(a.equals(b)).toBe(true)
    expect(a.length).toBeLessThanOrEqual(10_240)
  }
  const one = await openDataset(join(root, 'a', '00001.tar'), { folder: join(root, 'lab') })
  expect(one.items[0]?.caption).toBe('hand 3')
})

test('sd-scripts’ folders without captions are captioned and repeated by their names, and others are classes', async () => {
  await writeFolder(root, { 'kohya/10_sks_hand/a.png': 1, 'kohya/2_fist/b.png': 2, 'kohya/2_fist/b.txt': 'a fist' })
  expect((await open('kohya')).items.map(({ caption, repeats }) => [caption, repeats])).toEqual([
    ['sks_hand', 10],
    ['a fist', 2],
  ])
  await writeFolder(root, { 'kohya/palm/c.png': 3 })
  expect((await open('kohya')).items.map(({ caption, repeats }) => [caption, repeats])).toEqual([
    ['10 sks hand', 1],
    ['a fist', 1],
    ['palm', 1],
  ])
})

test('nothing is overwritten, and what was begun is not left behind', async () => {
  await writeRows(['a', 'b', 'c'])
  const dataset = await open('own')
  await writeFolder(root, { 'there/note.txt': 'mine' })
  await expect(exportDataset(dataset, join(root, 'there'), { as: 'kohya' })).rejects.toMatchObject({
    ...{ name: 'ArtefactError', code: 'folder-taken' },
  })
  const stop = new AbortController()
  const onProgress = (done: number) => done === 2 && stop.abort(new Error('enough'))
  for (const layout of layouts)
    await expect(
      exportDataset(dataset, join(root, 'out'), layout, { signal: stop.signal, onProgress }),
    ).rejects.toThrow('enough')
  await rm(join(root, 'own', '11.png'))
  for (const layout of layouts)
    await expect(exportDataset(dataset, join(root, 'out'), layout)).rejects.toMatchObject({ name: 'DatasetError' })
  expect((await readdir(root)).toSorted()).toEqual(['lab', 'own', 'there'])
  await writeFile(join(root, 'file'), '')
  await expect(exportDataset(dataset, join(root, 'file', 'out'), { as: 'kohya' })).rejects.toMatchObject({
    code: 'unwritable-folder',
  })
})

test('sd-scripts is told of no labels, and refused masks', async () => {
  await writeRows(['a'], () => ({ fingers: 5 }))
  const { leftOut } = await exportDataset(await open('own'), join(root, 'out'), { as: 'kohya' })
  expect(leftOut).toEqual(['fingers'])
  await writeRows(['a'], () => ({ mask: 'm.png' }))
  await writeFolder(join(root, 'own'), { 'm.png': await image(255) })
  await expect(exportDataset(await open('own'), join(root, 'other'), { as: 'kohya' })).rejects.toMatchObject({
    code: 'cannot-export',
  })
  await expect(
    exportDataset(await open('own'), join(root, 'other'), { as: 'kohya', name: '../x' }),
  ).rejects.toMatchObject({ code: 'invalid-settings' })
})
