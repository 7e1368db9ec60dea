import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parquetWriteBuffer } from 'hyparquet-writer'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSource } from '../../src/sources/index.ts'
import { search, surroundings } from './local-source.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sources-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function list(name: string, content: string | Uint8Array) {
  await writeFile(join(folder, name), content)
  return openSource({ type: 'list', file: join(folder, name) }, surroundings())
}

const columns = [
  { name: 'URL', data: ['https://example.com/a.jpg', 'https://example.com/b.jpg'], type: 'STRING' as const },
  { name: 'TEXT', data: ['a "palm"', 'a fist'], type: 'STRING' as const },
  { name: 'WIDTH', data: [800, 640], type: 'INT32' as const },
  { name: 'similarity', data: [0.3, 0.4], type: 'DOUBLE' as const },
]
const compressed = (codec: 'SNAPPY' | 'UNCOMPRESSED') =>
  new Uint8Array(parquetWriteBuffer({ columnData: columns, codec }))

test.each<[string, string, string | Uint8Array]>([
  [
    'CSV with a byte order mark and CRLF',
    'a.csv',
    '\ufeffURL,TEXT,WIDTH,similarity\r\nhttps://example.com/a.jpg,"a ""palm""",800,0.3\r\nhttps://example.com/b.jpg,a fist,640,0.4\r\n',
  ],
  [
    'TSV',
    'a.tsv',
    'url\ttext\twidth\nhttps://example.com/a.jpg\t"a ""palm"""\t800\nhttps://example.com/b.jpg\ta fist\t640\n',
  ],
  [
    'JSONL',
    'a.jsonl',
    '{"url":"https://example.com/a.jpg","text":"a \\"palm\\"","width":800}\n\n{"url":"https://example.com/b.jpg","text":"a fist","width":640,"list":[1]}\n',
  ],
  ['Parquet', 'a.parquet', compressed('UNCOMPRESSED')],
  ['compressed Parquet', 'b.parquet', compressed('SNAPPY')],
])('a list in %s gives its rows in order', async (_, name, content) => {
  const source = await list(name, content)
  expect(source).toMatchObject({ takesQueries: false, name: expect.stringMatching(/^list:[ab]\.\w+@[0-9a-f]{12}$/) })
  expect(await search(source, '')).toEqual([
    expect.objectContaining({
      rank: 1,
      url: 'https://example.com/a.jpg',
      caption: 'a "palm"',
      captionSource: 'list',
      width: 800,
    }),
    expect.objectContaining({
      rank: 2,
      url: 'https://example.com/b.jpg',
      caption: 'a fist',
      height: null,
      licence: 'unknown',
    }),
  ])
  expect(await search(source, '', 1)).toHaveLength(1)
})

test('a list with queries answers each with its rows, and a list that changed has another name', async () => {
  const rows =
    'query,url,alt,license,license_url\npalms,https://example.com/1,,CC BY 4.0,https://creativecommons.org/licenses/by/4.0/\nfists,https://example.com/2,a fist,,\npalms,https://example.com/3,a palm,,\n'
  const source = await list('a.csv', rows)
  expect(source.takesQueries).toBe(true)
  expect(await search(source, 'palms')).toEqual([
    expect.objectContaining({ rank: 1, licence: 'cc by 4.0', caption: '', captionSource: 'none' }),
    expect.objectContaining({ rank: 2, url: 'https://example.com/3', caption: 'a palm', captionSource: 'alt' }),
  ])
  expect(await search(source, 'feet')).toEqual([])
  expect((await list('a.csv', `${rows}fists,https://example.com/4,,,\n`)).name).not.toBe(source.name)
})

test.each<[string, string, string | Uint8Array, string, string]>([
  [
    'a bad address, by its line',
    'a.csv',
    'url\nhttps://example.com/a\nftp://example.com/b\n',
    'invalid-list',
    'line 3: url',
  ],
  [
    'a row without an address',
    'a.jsonl',
    '{"url":"https://example.com/a"}\n{"text":"x"}\n',
    'invalid-list',
    'line 2: has no url',
  ],
  ['a misspelt column', 'a.csv', 'url,captoin\nhttps://example.com/a,x\n', 'invalid-list', 'did you mean "caption"?'],
  ['a size that is no number', 'a.csv', 'url,width\nhttps://example.com/a,wide\n', 'invalid-list', 'line 2: width'],
  [
    'a line that is no JSON',
    'a.jsonl',
    '{"url":"https://example.com/a"}\n{"url":\n',
    'invalid-list',
    'line 2: is no JSON',
  ],
  ['rows of other lengths', 'a.csv', 'url,text\nhttps://example.com/a,x,y\n', 'invalid-list', 'line 2'],
  ['no row', 'a.csv', 'url\n', 'invalid-list', 'no row'],
  ['what is not UTF-8', 'a.csv', Buffer.from([0x75, 0x72, 0x6c, 0x0a, 0xff]), 'invalid-list', 'UTF-8'],
  ['what is no Parquet', 'a.parquet', 'PAR1 but no more', 'invalid-list', 'Parquet|parquet'],
  ['another type', 'a.xlsx', 'x', 'unsupported-list', '.csv'],
])('a list with %s is refused', async (_, name, content, code, text) => {
  const failure = list(name, content)
  await expect(failure).rejects.toMatchObject({ name: 'DatasetError', code })
  await expect(failure).rejects.toThrow(new RegExp(text.replace('?', '\\?')))
})

test('a list that does not exist is refused', async () => {
  const failure = openSource({ type: 'list', file: join(folder, 'none.csv') }, surroundings())
  await expect(failure).rejects.toMatchObject({ code: 'missing-list' })
})

test('a folder gives its images with sidecar captions, EXIF and the names of sub-folders', async () => {
  const exif = { IFD0: { ImageDescription: 'an open hand', Artist: 'Ed', Copyright: '(c) Ed' } }
  const picture = sharp({ create: { width: 12, height: 9, channels: 3, background: '#864' } })
  await mkdir(join(folder, 'thumbs_up'))
  await picture.clone().jpeg().withExif(exif).toFile(join(folder, 'a.jpg'))
  await picture.clone().jpeg().withExif(exif).toFile(join(folder, 'b.jpg'))
  await writeFile(join(folder, 'b.txt'), '\ufeffa palm\r\n')
  await picture
    .clone()
    .png()
    .toFile(join(folder, 'thumbs_up', 'c d.png'))
  await writeFile(join(folder, 'e.gif'), 'not decoded here')
  await writeFile(join(folder, 'f.jpg'), 'broken')
  const source = await openSource({ type: 'folder', folder }, surroundings())
  expect(source.takesQueries).toBe(false)
  expect(await search(source, '')).toEqual([
    expect.objectContaining({
      rank: 1,
      url: pathToFileURL(join(folder, 'a.jpg')).href,
      caption: 'an open hand',
      captionSource: 'description',
      creator: 'Ed',
      attribution: '(c) Ed',
      width: 12,
      height: 9,
    }),
    expect.objectContaining({ rank: 2, caption: 'a palm', captionSource: 'sidecar', creator: 'Ed' }),
    expect.objectContaining({ rank: 3, url: pathToFileURL(join(folder, 'e.gif')).href, captionSource: 'none' }),
    expect.objectContaining({ rank: 4, width: null, caption: '', captionSource: 'none' }),
    expect.objectContaining({
      rank: 5,
      url: expect.stringMatching(/c%20d\.png$/),
      caption: 'thumbs up',
      captionSource: 'folder',
      creator: null,
    }),
  ])
  await writeFile(join(folder, 'b.txt'), 'a fist')
  expect((await openSource({ type: 'folder', folder }, surroundings())).name).not.toBe(source.name)
})

test('a folder whose captions cannot be read is refused by the file', async () => {
  await sharp({ create: { width: 9, height: 9, channels: 3, background: '#864' } })
    .png()
    .toFile(join(folder, 'a.png'))
  await writeFile(join(folder, 'a.txt'), Buffer.from([0xff, 0xfe, 0x41]))
  const failure = openSource({ type: 'folder', folder }, surroundings())
  await expect(failure).rejects.toMatchObject({ code: 'invalid-dataset' })
  await expect(failure).rejects.toThrow('a.txt')
  await expect(openSource({ type: 'folder', folder: join(folder, 'x') }, surroundings())).rejects.toMatchObject({
    code: 'missing-dataset',
  })
})
