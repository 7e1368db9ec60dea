import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DatasetOptions, type DatasetProblem, openDataset } from '../../src/dataset/index.ts'
import { datasetItem } from '../../src/protocol/jobs.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { announcedPng, image, writeFolder } from './image-folder.ts'

let root: string
let lab: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dataset-test-'))
  lab = await mkdtemp(join(tmpdir(), 'dataset-lab-'))
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
  await rm(lab, { recursive: true, force: true })
})

function open(options: DatasetOptions = {}, path = root) {
  return openDataset(path, { folder: lab }, options)
}

async function problemsOf(options: DatasetOptions = {}): Promise<Pick<DatasetProblem, 'file' | 'code'>[]> {
  const error = await open(options).then(
    () => expect.unreachable('the folder was taken'),
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name: 'DatasetError', code: 'invalid-dataset' })
  const { problems } = (error as { facts: { problems: DatasetProblem[] } }).facts
  return problems.map(({ file, code }) => ({ file, code }))
}

test('images with text files: captions, order, hashes, a manifest the worker can read', async () => {
  await writeFolder(root, { 'b.png': 2, 'a.png': 1, 'a.txt': ' a left hand \n', '.hidden/c.png': 3, 'notes.md': 'x' })
  const dataset = await open()
  expect(dataset.items.map(({ file, caption }) => [file, caption])).toEqual([
    ['a.png', 'a left hand'],
    ['b.png', ''],
  ])
  expect(dataset.items[0]?.sha256).toBe(sha256(await readFile(join(root, 'a.png'))))
  const manifest = await readFile(dataset.manifest, 'utf8')
  expect(sha256(manifest)).toBe(dataset.sha256)
  expect(
    manifest
      .trim()
      .split('\n')
      .map((line) => datasetItem.parse(JSON.parse(line))),
  ).toEqual(dataset.items)
  expect(Object.isFrozen(dataset.items[0])).toBe(true)
})

test('a photograph that lies on its side has the size in which it is looked at', async () => {
  const turned = sharp({ create: { width: 30, height: 20, channels: 3, background: 'red' } })
  await writeFolder(root, { 'turned.jpg': await turned.withMetadata({ orientation: 6 }).jpeg().toBuffer() })
  const { items } = await open()
  expect(items[0]).toMatchObject({ width: 20, height: 30 })
})

test('metadata.jsonl gives captions and labels, by folder or by its own path', async () => {
  const rows = [{ file_name: 'x/1.png', text: 'an open palm', fingers: 5, defect: false }, { file_name: '2.png' }]
  await writeFolder(root, {
    'x/1.png': 1,
    '2.png': 2,
    '3.png': 3,
    'metadata.jsonl': rows.map((row) => JSON.stringify(row)).join('\n'),
  })
  const dataset = await open()
  const size = { width: 24, height: 16 }
  expect(dataset.items.map(({ sha256: _hash, ...item }) => item)).toEqual([
    { file: '2.png', caption: '', ...size, fingers: null, defect: null, control: null, mask: null, repeats: 1 },
    {
      file: 'x/1.png',
      caption: 'an open palm',
      ...size,
      fingers: 5,
      defect: false,
      control: null,
      mask: null,
      repeats: 1,
    },
  ])
  expect((await open({}, join(root, 'metadata.jsonl'))).sha256).toBe(dataset.sha256)
})

test('class folders caption their images', async () => {
  await writeFolder(root, {
    'open_palm/1.png': 1,
    'open_palm/2.png': 2,
    'fist/1.png': 3,
    'fist/1.txt': 'a closed fist',
  })
  expect((await open()).items.map((item) => item.caption)).toEqual(['a closed fist', 'open palm', 'open palm'])
  const worded = await open({ caption: ({ file, caption }) => `${caption} in ${file}` })
  expect(worded.items[1]?.caption).toBe('open palm in open_palm/1.png')
  expect((await open({ caption: 'a hand' })).items.every((item) => item.caption === 'a hand')).toBe(true)
})

test('equal content has an equal identity elsewhere; a changed byte or caption does not', async () => {
  await writeFolder(root, { 'a.png': 1, 'b.png': 2 })
  const first = await open()
  const other = await mkdtemp(join(tmpdir(), 'dataset-copy-'))
  try {
    await writeFolder(other, { 'b.png': 2, 'a.png': 1 })
    expect((await open({}, other)).sha256).toBe(first.sha256)
    await writeFolder(other, { 'a.txt': 'new' })
    expect((await open({}, other)).sha256).not.toBe(first.sha256)
  } finally {
    await rm(other, { recursive: true, force: true })
  }
  await writeFile(join(root, 'a.png'), await image(9))
  expect((await open()).sha256).not.toBe(first.sha256)
})

test('limit draws by seed, filter keeps, duplicates are noted', async () => {
  await writeFolder(
    root,
    Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${String(i).padStart(2, '0')}.png`, i % 11])),
  )
  const names = async (options: DatasetOptions) => (await open(options)).items.map((item) => item.file)
  expect(await names({ limit: 4, seed: 1 })).toEqual(await names({ limit: 4, seed: 1 }))
  expect(await names({ limit: 4, seed: 1 })).not.toEqual(await names({ limit: 4, seed: 2 }))
  expect(await names({ limit: 4 })).toHaveLength(4)
  expect(await names({ filter: (item) => item.file < '03' })).toEqual(['00.png', '01.png', '02.png'])
  expect((await open()).duplicates).toEqual([['00.png', '11.png']])
})

test('every bad image of a folder is told at once', async () => {
  const good = await image(1, 64, 64)
  await writeFolder(root, {
    'bomb.png': announcedPng(16_000, 16_000),
    'cut.png': good.subarray(0, good.length - 40),
    'empty.png': '',
    'good.png': good,
    'one.png': await image(1, 1, 1),
    'pickle.png': Buffer.from([0x80, 0x04, 0x95, 0, 0]),
    'text.png': 'these are words',
    'vector.png': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    'zip.png': Buffer.from('PK\x03\x04rest'),
    'photo.bmp': 'BM',
  })
  expect((await problemsOf()).toSorted((a, b) => (a.file < b.file ? -1 : 1))).toEqual([
    { file: 'bomb.png', code: 'image-too-large' },
    { file: 'cut.png', code: 'broken-image' },
    { file: 'empty.png', code: 'broken-image' },
    { file: 'one.png', code: 'image-too-small' },
    { file: 'photo.bmp', code: 'unsupported-type' },
    { file: 'pickle.png', code: 'pickled-file' },
    { file: 'text.png', code: 'broken-image' },
    { file: 'vector.png', code: 'unsupported-type' },
    { file: 'zip.png', code: 'pickled-file' },
  ])
})

test('every bad caption is told at once', async () => {
  await writeFolder(root, {
    'a.png': 1,
    'a.txt': Buffer.from([0x68, 0xff, 0xfe]),
    'b.png': 2,
    'b.txt': 'x'.repeat(100_000),
    'c.png': 3,
    'c.txt': 'x'.repeat(8193),
  })
  expect(await problemsOf()).toEqual(
    [
      { file: 'a.txt', code: 'caption-not-utf8' },
      { file: 'b.txt', code: 'caption-too-long' },
      { file: 'c.txt', code: 'caption-too-long' },
    ].map((problem) => expect.objectContaining(problem)),
  )
  await writeFolder(root, { 'a.txt': '', 'b.txt': '', 'c.txt': 'x'.repeat(8192) })
  expect((await open()).items).toHaveLength(3)
  expect(await problemsOf({ caption: () => 5 as unknown as string })).toHaveLength(3)
  expect((await problemsOf({ caption: () => '\ud83d' }))[0]?.code).toBe('caption-not-utf8')
})

test('every bad line of metadata.jsonl is told at once', async () => {
  const lines = [
    '{',
    '{"file_name": "../x.png"}',
    '{"file_name": "no.png"}',
    '{"file_name": "a.png", "finger": 5}',
    '{"file_name": "a.png", "fingers": "five"}',
    '{"file_name": "a.png"}',
    '{"file_name": "./a.png"}',
    '{"file_name": "a.png", "licence": "CC0"}',
  ]
  await writeFolder(root, { 'a.png': 1, 'metadata.jsonl': lines.join('\n') })
  expect((await problemsOf()).map(({ code }) => code)).toEqual([
    'metadata-invalid',
    'outside-folder',
    'metadata-invalid',
    'metadata-invalid',
    'repeated-file',
    'repeated-file',
    'missing-image',
  ])
})

test('many problems are counted and the first 20 listed', async () => {
  await writeFolder(root, Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`${i}.png`, 'no'])))
  await expect(open()).rejects.toThrow(/25 problems[\s\S]*and 5 more$/)
})

test('an empty folder, a filter that keeps none, a missing folder', async () => {
  await expect(open()).rejects.toMatchObject({ name: 'DatasetError', code: 'empty-dataset' })
  await writeFolder(root, { 'a.png': 1 })
  await expect(open({ filter: () => false })).rejects.toMatchObject({ code: 'empty-dataset' })
  await expect(open({}, join(root, 'nowhere'))).rejects.toMatchObject({ name: 'DatasetError', code: 'missing-dataset' })
  await expect(open({ limt: 3 } as DatasetOptions)).rejects.toThrow(/Did you mean "limit"/)
})

test('the photographs are a dataset', async ({ skip }) => {
  const photographs = process.env.PHALANX_PHOTOGRAPHS
  if (photographs === undefined) return skip('PHALANX_PHOTOGRAPHS does not name the folder of photographs')
  const dataset = await open(
    { caption: ({ caption }) => `a hand showing ${caption}` },
    join(photographs, 'hand-digits'),
  )
  expect(new Set(dataset.items.map((item) => item.caption)).size).toBe(10)
})
