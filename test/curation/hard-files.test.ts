import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { curate, freezeSet } from '../../src/curation/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { jpeg, webSite } from './local-web-site.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hard-files-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const settings = { smallestSide: 32, perHostPerSecond: 1000, retryPause: 0.01 }
const frames = 10_000
const side = 1024

async function setOf(urls: readonly string[], network: Awaited<ReturnType<typeof webSite>>['network']) {
  const list = join(folder, 'list.jsonl')
  await writeFile(list, urls.map((url) => `${JSON.stringify({ url })}\n`).join(''))
  return curate({ folder: join(folder, 'set'), sources: [{ type: 'list', file: list }], settings }, { network })
}

test('pictures of 10,000 frames are refused without being decoded', async () => {
  await using site = await webSite({ '/moving.gif': movingGif(), '/moving.webp': await movingWebp() })
  const before = process.memoryUsage().rss
  const { counts } = await setOf([site.at('/moving.gif'), site.at('/moving.webp')], site.network)
  expect(counts.refusals).toEqual([
    { reason: 'animated', count: 1 },
    { reason: 'file-type-gif', count: 1 },
  ])
  // One of them decoded would take 40 GB, and a hundredth of its frames more than this.
  expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
})

test('what an address is called is no name of a file', async () => {
  const long = 'n'.repeat(300)
  const names = [
    '/../../../outside.jpg',
    '/%2e%2e/%2E%2E/up.jpg',
    '/a%00b.jpg',
    `/${long}.jpg`,
    '/CON',
    '/aux.jpg',
    '/a%0Ab.jpg',
  ]
  const paths = names.map((name) => new URL(name, 'http://host').pathname)
  const files = await Promise.all(paths.map(async (path, i) => [path, await jpeg(i + 1)] as const))
  await using site = await webSite(Object.fromEntries(files))
  const { counts } = await setOf(
    names.map((name) => site.at(name)),
    site.network,
  )
  expect(counts.states).toEqual({ waiting: 0, fetched: names.length, refused: 0 })
  await expectOwnNames()
})

test('a folder may hold files of any name, and a list may name files that are none', async () => {
  const photographs = join(folder, 'photographs')
  await mkdir(photographs)
  const names = [
    'CON.jpg',
    'a...jpg',
    '-rf.jpg',
    'a\nb.jpg',
    '%2e%2e%2f.jpg',
    'a#b?c.jpg',
    '\u202egpj.jpg',
    `${'n'.repeat(251)}.jpg`,
  ]
  for (const [i, name] of names.entries()) await writeFile(join(photographs, name), await jpeg(i + 1))
  const list = join(folder, 'list.jsonl')
  const urls = [
    `file://${photographs}/../../../../../../etc/passwd`,
    'file:///a%00b.jpg',
    `file:///${'n'.repeat(300)}.jpg`,
    `file://${photographs}`,
  ]
  await writeFile(list, urls.map((url) => `${JSON.stringify({ url })}\n`).join(''))
  const { counts } = await curate({
    ...{ folder: join(folder, 'set'), settings },
    sources: [
      { type: 'folder', folder: photographs },
      { type: 'list', file: list },
    ],
  })
  expect(counts.states).toEqual({ waiting: 0, fetched: names.length, refused: urls.length })
  expect(Object.fromEntries(counts.refusals.map(({ reason, count }) => [reason, count]))).toEqual({
    ...{ 'not-an-image': 1, 'unreadable-file': 3 },
  })
  await expectOwnNames()
  await using ledger = await openLedger(join(folder, 'set'))
  expect(ledger.kept(100)).toHaveLength(names.length)
})

/** All that a set wrote, frozen too, has names that this package gave. */
async function expectOwnNames(): Promise<void> {
  const set = join(folder, 'set')
  await freezeSet(set)
  const own = /^(?:ledger\.(?:lock|sqlite(?:-wal|-shm)?)|blobs(?:\/[0-9a-f]{2}(?:\/[0-9a-f]{64})?)?|frozen(?:\/.+)?)$/
  const images = /^frozen\/[0-9a-f]{64}\/images\/[0-9a-f]{20}\.(?:jpg|png)$/
  const written = await readdir(set, { recursive: true })
  expect(written.filter((name) => !own.test(name))).toEqual([])
  expect(written.filter((name) => name.includes('/images/') && !images.test(name))).toEqual([])
  expect(written.filter((name) => images.test(name)).length).toBeGreaterThan(0)
  expect(
    (await readdir(folder)).toSorted().filter((name) => !['list.jsonl', 'photographs', 'set'].includes(name)),
  ).toEqual([])
}

/** Frames of one pixel each on a large canvas (GIF 89a, 17 to 23). */
function movingGif(): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt16LE(side, 0)
  size.writeUInt16LE(side, 2)
  const head = Buffer.concat([Buffer.from('GIF89a'), size, Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255])])
  const control = [0x21, 0xf9, 4, 0, 1, 0, 0, 0]
  const descriptor = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0]
  const frame = Buffer.from([...control, ...descriptor, 2, 2, 0x44, 0x01, 0])
  return Buffer.concat([head, ...Array.from({ length: frames }, () => frame), Buffer.from([0x3b])])
}

/** The same as WebP: an extended header, the animation's parameters, and a chunk for each frame. */
async function movingWebp(): Promise<Buffer> {
  const pixel = sharp({ create: { width: 1, height: 1, channels: 3, background: '#a52' } })
  const still = (await pixel.webp({ lossless: true }).toBuffer()).subarray(12)
  const chunk = (name: string, content: Buffer): Buffer => {
    const head = Buffer.alloc(8)
    head.write(name)
    head.writeUInt32LE(content.length, 4)
    return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
  }
  const canvas = Buffer.alloc(10)
  canvas[0] = 2
  canvas.writeUIntLE(side - 1, 4, 3)
  canvas.writeUIntLE(side - 1, 7, 3)
  const place = Buffer.alloc(16)
  place[12] = 1
  const frame = chunk('ANMF', Buffer.concat([place, still]))
  const chunks = [chunk('VP8X', canvas), chunk('ANIM', Buffer.alloc(6)), ...Array.from({ length: frames }, () => frame)]
  return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), ...chunks]))
}
