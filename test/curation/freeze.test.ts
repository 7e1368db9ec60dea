import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freezeSet, type SetManifest } from '../../src/curation/index.ts'
import { openDataset } from '../../src/dataset/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { type GatheredRow, gatherSet } from './gathered-set.ts'
import { jpeg } from './local-web-site.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freeze-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function gathered(rows: readonly GatheredRow[]): Promise<string> {
  return gatherSet(folder, rows)
}

async function manifestIn(frozen: string): Promise<SetManifest> {
  return JSON.parse(await readFile(join(frozen, 'manifest.json'), 'utf8')) as SetManifest
}

test('a frozen set is a dataset, with its views, and named by what is in it', async () => {
  const set = await gathered([
    { name: 'a.jpg', bytes: await jpeg(1), caption: ' a\u001b[31m palm\r\n', licence: 'cc by 4.0', creator: 'Ann' },
    { name: 'b.jpg', bytes: await jpeg(2), caption: 'Drawings of a fist' },
    { name: 'c.jpg', bytes: await jpeg(3), query: 'drawing of a hand' },
    { name: 'd.jpg', bytes: await jpeg(4), caption: 'withdrawing a hand', licence: 'cc by 4.0' },
    { name: 'e.jpg', bytes: await jpeg(5, 16) },
  ])
  const frozen = await freezeSet(set)
  expect(frozen.views.map(({ name, images }) => [name, images])).toEqual([
    ['photos+drawings', 4],
    ['photos', 2],
  ])
  const text = await readFile(join(frozen.folder, 'manifest.json'), 'utf8')
  expect([sha256(text), frozen.folder]).toEqual([frozen.sha256, join(set, 'frozen', frozen.sha256)])
  const place = { folder: join(folder, 'datasets') }
  const [all, photos] = [
    await openDataset(frozen.folder, place),
    await openDataset(join(frozen.folder, 'photos.jsonl'), place),
  ]
  expect([all.items.length, photos.items.map(({ caption }) => caption).toSorted()]).toEqual([
    4,
    ['a [31m palm', 'withdrawing a hand'],
  ])
  // The bytes are those that were fetched.
  const { items } = await manifestIn(frozen.folder)
  expect(all.items.map((item) => item.sha256).toSorted()).toEqual(items.map(({ blob }) => blob).toSorted())
  expect(items[0]).toMatchObject({ form: 'original', creator: 'Ann', captionSource: 'list', width: 64 })
  expect(await readFile(join(frozen.folder, 'LICENSES.md'), 'utf8')).toContain('| cc by 4.0 | 2 |')
  const page = await readFile(join(frozen.folder, 'index.html'), 'utf8')
  expect(page).toContain('<h1>4 images</h1>')
  // Others who get the set have no use for the folders of this machine.
  expect(page + text).not.toContain(folder)
  expect((await readFile(join(frozen.folder, 'attribution.jsonl'), 'utf8')).split('\n')).toHaveLength(5)
})

test('freezing again gives the same set, and another image another one beside it', async () => {
  const rows = [{ name: 'a.jpg', bytes: await jpeg(1) }]
  const first = await freezeSet(await gathered(rows))
  const written = (await stat(join(first.folder, 'manifest.json'))).mtimeMs
  await mkdir(`${first.folder}.partial`)
  expect(await freezeSet(join(folder, 'set'))).toEqual(first)
  expect((await stat(join(first.folder, 'manifest.json'))).mtimeMs).toBe(written)
  const second = await freezeSet(await gathered([...rows, { name: 'b.jpg', bytes: await jpeg(2) }]))
  expect(second.sha256).not.toBe(first.sha256)
  const names = await readdir(join(folder, 'set', 'frozen'))
  expect(names.toSorted()).toEqual([first.sha256, second.sha256, 'history.jsonl'].toSorted())
})

test('what readers would show differently is made upright, 8 bits and sRGB', async () => {
  const picture = sharp(await jpeg(1)).resize(64, 48, { fit: 'fill' })
  const files = {
    'turned.jpg': await picture.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    'cmyk.jpg': await sharp(await jpeg(2))
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer(),
    'deep.png': await sharp(await jpeg(3))
      .toColourspace('rgb16')
      .png()
      .toBuffer(),
    'wide.jpg': await sharp(await jpeg(4))
      .withIccProfile('p3')
      .jpeg()
      .toBuffer(),
    'plain.jpg': await sharp(await jpeg(5))
      .withIccProfile('srgb')
      .jpeg()
      .toBuffer(),
  }
  const { folder: frozen } = await freezeSet(
    await gathered(Object.entries(files).map(([name, bytes]) => ({ name, bytes }))),
  )
  const { items } = await manifestIn(frozen)
  const forms = items.map(({ url, form }) => [url.replace('file:', ''), form])
  expect(Object.fromEntries(forms)).toEqual({
    ...{ 'turned.jpg': 'normalised', 'cmyk.jpg': 'normalised', 'deep.png': 'normalised', 'wide.jpg': 'normalised' },
    'plain.jpg': 'original',
  })
  for (const { file, width, height, form } of items.filter((item) => item.form === 'normalised')) {
    const header = await sharp(join(frozen, file)).metadata()
    expect(header, form).toMatchObject({ format: 'png', width, height, space: 'srgb', depth: 'uchar' })
    expect(header.orientation ?? 1).toBe(1)
  }
  // Turned a quarter: as high as it was wide.
  expect(items.find(({ url }) => url.endsWith('turned.jpg'))).toMatchObject({ width: 48, height: 64 })
})

test('images that may not be derived from are left out unless they are kept on purpose', async () => {
  const licences = ['cc by-nd 4.0', 'CC BY-NC-ND 2.0', 'No derivatives', 'cc by 4.0', 'standard']
  const rows = await Promise.all(
    licences.map(async (licence, i) => ({ name: `${i}.jpg`, bytes: await jpeg(i), licence })),
  )
  const set = await gathered(rows)
  expect(await freezeSet(set)).toMatchObject({ noDerivatives: 3, views: [{ images: 2 }, { images: 2 }] })
  expect(await freezeSet(set, { keepNoDerivatives: true })).toMatchObject({
    noDerivatives: 0,
    views: [{ images: 5 }, {}],
  })
})

test('a set with nothing to freeze or something left to fetch is refused', async () => {
  const set = await gathered([{ name: 'a.jpg', bytes: await jpeg(1), licence: 'cc by-nd 4.0' }])
  await expect(freezeSet(set)).rejects.toMatchObject({ name: 'DatasetError', code: 'empty-set' })
  await expect(freezeSet(join(folder, 'other'))).rejects.toMatchObject({ code: 'empty-set' })
  const ledger = await openLedger(set)
  ledger.recordSearch({ source: 'list', query: 'more' }, [{ rank: 1, url: 'https://example.com/a' }])
  await ledger.close()
  await expect(freezeSet(set)).rejects.toMatchObject({ code: 'unfinished-set', facts: { waiting: 1 } })
})

test('a set is frozen as people decided, with the captions that they wrote and what these were', async () => {
  const set = await gathered(
    await Promise.all(
      [1, 2, 3, 4, 5].map(async (i) => ({ name: `${i}.jpg`, bytes: await jpeg(i), caption: `palm ${i}` })),
    ),
  )
  expect(await freezeSet(set)).toMatchObject({ unreviewed: 5, views: [{ images: 5 }, {}] })
  const { review, close } = await reviewOf(set)
  review.decide({ kind: 'watermark', candidate: 1, reviewer: 'Ann' }, 0, 1)
  review.decide({ kind: 'duplicate', candidate: 2, other: 3, reviewer: 'Ann' }, 0, 1)
  review.decide({ kind: 'caption', candidate: 3, text: 'an  open\npalm', reviewer: 'Ann' }, 0, 1)
  review.decide({ kind: 'keep', candidate: 4, reviewer: 'Ann' }, 0, 1)
  await close()
  const frozen = await freezeSet(set)
  expect(frozen).toMatchObject({ unreviewed: 2, views: [{ images: 3 }, {}] })
  const { items } = await manifestIn(frozen.folder)
  expect(items).toMatchObject([
    {
      ...{ caption: 'an open palm', captionSource: 'edited' },
      earlierCaptions: [{ caption: 'palm 3', captionSource: 'list' }],
    },
    { caption: 'palm 4', captionSource: 'list', earlierCaptions: [] },
    { caption: 'palm 5' },
  ])
  const page = await readFile(join(frozen.folder, 'index.html'), 'utf8')
  const pictured = (reason: string, file: string) =>
    new RegExp(
      `<dt>${reason} <span class="soft">1</span></dt>\\s*<dd><figure[^>]*><img src="data:image[^>]*><figcaption>${file}`,
    )
  expect(page).toMatch(pictured('watermark', 'file:1.jpg'))
  expect(page).toMatch(pictured('duplicate', 'file:2.jpg'))
})

async function reviewOf(set: string) {
  const ledger = await openLedger(set)
  return { review: ledger.review, close: () => ledger.close() }
}
