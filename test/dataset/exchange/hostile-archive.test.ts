import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Header, pack } from 'tar-stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDataset } from '../../../src/dataset/index.ts'
import { image } from '../image-folder.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'archive-test-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

type Entry = Partial<Header> & { readonly name: string; readonly bytes?: Buffer }

async function tar(entries: readonly Entry[]): Promise<Buffer> {
  const packed = pack()
  for (const { bytes = Buffer.alloc(0), ...header } of entries) packed.entry(header as Header, bytes)
  packed.finalize()
  const parts: Uint8Array[] = []
  for await (const part of packed as AsyncIterable<Uint8Array>) parts.push(part)
  return Buffer.concat(parts)
}

/** The header block of a file, with some bytes of it changed and its checksum right. */
function patched(archive: Buffer, changes: readonly (readonly [offset: number, text: string])[], at = 0): Buffer {
  const copy = Buffer.from(archive)
  for (const [offset, text] of changes) copy.write(text, at + offset, 'latin1')
  copy.write('        ', at + 148)
  const sum = copy.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148)
  return copy
}

async function open(archive: Buffer) {
  await mkdir(join(root, 'in'), { recursive: true })
  await writeFile(join(root, 'in', 'a.tar'), archive)
  return openDataset(join(root, 'in', 'a.tar'), { folder: join(root, 'lab') })
}

const png = await image(1)
const good: Entry[] = [
  { name: 'x/000.png', bytes: png },
  { name: 'x/000.txt', bytes: Buffer.from('a palm') },
]
const plain = await tar(good)

const hostile: Record<string, Buffer> = {
  'a name that climbs': await tar([{ name: '../000.png', bytes: png }]),
  'a name that climbs within': await tar([{ name: 'a/../../000.png', bytes: png }]),
  'an absolute name': await tar([{ name: '/000.png', bytes: png }]),
  'a drive': await tar([{ name: 'C:000.png', bytes: png }]),
  backslashes: await tar([{ name: '..\\000.png', bytes: png }]),
  'a terminal escape': await tar([{ name: 'a\u001b[31m.png', bytes: png }]),
  'a part of 300 characters': await tar([{ name: `${'a'.repeat(300)}.png`, bytes: png }]),
  'a symbolic link': await tar([{ name: 'a.png', type: 'symlink', linkname: '/etc/passwd' }, ...good]),
  'a hard link': await tar([{ name: 'a.png', type: 'link', linkname: '../../a.png' }]),
  'a device': await tar([{ name: 'a.png', type: 'character-device', devmajor: 1, devminor: 3 }]),
  'a pipe': await tar([{ name: 'a.png', type: 'fifo' }]),
  'the same name twice': await tar([...good, { name: './x/000.png', bytes: png }]),
  'two images of one name': await tar([...good, { name: 'x/000.jpg', bytes: png }]),
  'an old sparse file': patched(plain, [[156, 'S']]),
  'a new sparse file': await tar([{ name: 'a.png', bytes: png, pax: { 'GNU.sparse.major': '1', path: 'a.png' } }]),
  // 2 GiB and 64 GiB in octal digits.
  'a huge size': patched(plain, [[124, '20000000000\0']]),
  'a size beyond octal': patched(plain, [[124, '77777777777\0']]),
}

test.each(Object.entries(hostile))('%s is refused, and nothing is written', async (_, archive) => {
  await expect(open(archive)).rejects.toMatchObject({ name: 'DatasetError', code: 'unsafe-archive' })
  expect((await readdir(root, { recursive: true })).toSorted()).toEqual(['in', 'in/a.tar', 'lab'])
})

const broken: Record<string, Buffer> = {
  'cut off in a file': plain.subarray(0, 560),
  'cut off in a header': plain.subarray(0, 300),
  'a wrong checksum': Buffer.concat([Buffer.from('b'), plain.subarray(1)]),
  'no tar at all': Buffer.alloc(2048, 'x'),
  'a caption that is no UTF-8': await tar([{ name: 'a.txt', bytes: Buffer.from([0xff, 0xfe]) }, ...good]),
  'labels that are no JSON': await tar([{ name: 'a.json', bytes: Buffer.from('{') }, ...good]),
}

test.each(Object.entries(broken))('%s is told, and nothing is left behind', async (_, archive) => {
  await expect(open(archive)).rejects.toMatchObject({ name: 'DatasetError', code: 'broken-archive' })
  expect((await readdir(root, { recursive: true })).toSorted()).toEqual(['in', 'in/a.tar', 'lab'])
})

test('an empty archive is an empty dataset, and a NUL ends a name', async () => {
  await expect(open(await tar([]))).rejects.toMatchObject({ code: 'empty-dataset' })
  const ended = patched(await tar([{ name: 'a.png_..', bytes: png }]), [[5, '\0']])
  expect((await open(ended)).items.map(({ file }) => file)).toEqual(['a.png'])
})

test('archives of others are read: folders, unknown files, captions in JSON alone, labels out of range', async () => {
  const dataset = await open(
    await tar([
      { name: 'x/', type: 'directory' },
      ...good,
      { name: 'x/001.PNG', bytes: await image(2) },
      { name: 'x/001.json', bytes: Buffer.from('{"caption":"from json","fingers":99,"url":"x"}') },
      { name: 'x/001.cls', bytes: Buffer.from('3') },
      { name: 'x/.hidden', bytes: Buffer.from('3') },
      { name: 'x/002.json', bytes: Buffer.from('{"caption":"no image"}') },
    ]),
  )
  expect(dataset.items.map(({ file, caption, fingers }) => [file, caption, fingers])).toEqual([
    ['x/000.png', 'a palm', null],
    ['x/001.png', 'from json', null],
  ])
})

test('opened by several at once, it is unpacked whole, once', async () => {
  await mkdir(join(root, 'in'))
  await writeFile(join(root, 'in', 'a.tar'), plain)
  const opened = await Promise.all([1, 2, 3].map(() => openDataset(join(root, 'in'), { folder: join(root, 'lab') })))
  expect(new Set(opened.map(({ root: folder }) => folder)).size).toBe(1)
  expect((await readdir(join(root, 'lab'))).filter((name) => name.includes('partial'))).toEqual([])
})
