import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { curate, freezeSet } from '../../src/curation/index.ts'
import { openDataset } from '../../src/dataset/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { readQueryFile } from '../../src/sources/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { RandomStream } from '../../src/util/random.ts'
import { quick } from '../sources/local-source.ts'
import { type AnsweringSource, answering, answeringSources, type SourceHit } from './answering-sources.ts'
import { webSite } from './local-web-site.ts'

const [photos, drawings, dropped, small, gone, copies] = [382, 236, 10, 24, 9, 20]
const side = 64

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-set-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A picture of 8 by 8 fields of grey by chance, so that no two look alike. */
function picture(seed: number, width = side) {
  const random = new RandomStream('paper-set', seed)
  const fields = Buffer.from(Array.from({ length: 64 }, () => random.integer(256)))
  return sharp(fields, { raw: { width: 8, height: 8, channels: 1 } })
    .resize(width, width, { kernel: 'cubic' })
    .jpeg()
}

/** What the sources find, made so that the paper's numbers of images are left: 618, 382 of them never called drawings. */
class World {
  readonly files: Record<string, Buffer> = {}
  readonly #hits = new Map<string, SourceHit[]>()
  #next = 0

  hits(source: AnsweringSource, query: string): SourceHit[] {
    const key = `${source} ${query}`
    const known = this.#hits.get(key) ?? []
    this.#hits.set(key, known)
    return known
  }

  /** A file that a source names for a query; every third one is named by the next source as well. */
  add(query: string, title: string, bytes: Buffer | null): string {
    const path = `/${this.#next}.jpg`
    if (bytes !== null) this.files[path] = bytes
    const source = this.#next++ % answering.length
    const hit = { url: path, title }
    this.hits(answering[source] as AnsweringSource, query).push(hit)
    if (this.#next % 3 === 0) this.hits(answering[(source + 1) % answering.length] as AnsweringSource, query).push(hit)
    return path
  }
}

async function makeWorld(queries: readonly string[]) {
  const world = new World()
  const isDrawn = (query: string) => query.includes('drawing')
  // Those that the two small sets are about come first, as some queries give one image more than others.
  const about = (query: string) => (/handshake|palm/.test(query) ? 0 : 1)
  const asPhotos = queries.filter((query) => !isDrawn(query)).toSorted((a, b) => about(a) - about(b))
  const asDrawings = queries.filter(isDrawn)
  const turn = (list: readonly string[], i: number) => list[i % list.length] as string
  for (let i = 0; i < photos; i++) world.add(turn(asPhotos, i), `Hand ${i}`, await picture(i, side + 8).toBuffer())
  for (let i = 0; i < drawings; i++) {
    // Some are drawings by their caption alone.
    const byCaption = i < 6
    const [query, title] = byCaption
      ? [turn(asPhotos, i), `DRAWING of a hand, ${i}`]
      : [turn(asDrawings, i), `Hand ${i}`]
    world.add(query, title, await picture(photos + i).toBuffer())
  }
  const inPlain = () => turn(asPhotos, world.hits.length)
  const watermarked = []
  for (let i = 0; i < dropped; i++)
    watermarked.push(world.add(inPlain(), `Stock ${i}`, await picture(1000 + i).toBuffer()))
  for (let i = 0; i < small; i++) world.add(turn(queries, i), 'small', await picture(2000 + i, side - 1).toBuffer())
  for (let i = 0; i < gone; i++) world.add(turn(queries, i), 'gone', null)
  // Smaller copies, every second one mirrored.
  for (let i = 0; i < copies; i++) {
    const copy = sharp(await picture(i, side + 8).toBuffer()).resize(side)
    world.add(turn(queries, i), 'copy', await (i % 2 === 0 ? copy : copy.flop()).jpeg({ quality: 70 }).toBuffer())
  }
  // More than 20 for one query: what lies beyond is not asked for.
  const full = world.hits('brave', 'hands')
  while (full.length < 20) full.push({ url: '/0.jpg', title: 'once more' })
  for (let i = 0; i < 5; i++) {
    world.files[`/beyond-${i}.jpg`] = await picture(3000 + i).toBuffer()
    full.push({ url: `/beyond-${i}.jpg`, title: 'beyond' })
  }
  return { world, watermarked }
}

test('204 queries to four sources give the numbers of the paper, and its two sets of ten', async () => {
  const { queries, freezing } = await readQueryFile(join(packageRoot(), 'experiments/datasets/hands.queries.json'))
  expect(queries).toHaveLength(204)
  const { world, watermarked } = await makeWorld(queries)
  await using site = await webSite(world.files)
  await using server = await answeringSources((source, query) =>
    world.hits(source, query).map(({ url, title }) => ({ url: site.at(url), title })),
  )
  const { address } = server
  const sources = [
    { type: 'openverse', address, perMinute: 60_000 },
    { type: 'commons', address, perMinute: 60_000, contact: 'https://example.com/us' },
    { type: 'brave', address, perMinute: 60_000 },
    { type: 'flickr', address, perMinute: 60_000 },
  ] as const
  const set = join(folder, 'set')
  const settings = { smallestSide: side, perHostPerSecond: 10_000, sourcePages: false }
  const { counts } = await curate(
    { folder: set, queries, sources, settings },
    {
      ...{ network: site.network, patience: quick },
      variables: { BRAVE_API_KEY: 'secret-key', FLICKR_API_KEY: 'secret-key' },
    },
  )
  expect(counts.searches).toBe(4 * 204)
  expect(Object.fromEntries(counts.refusals.map(({ reason, count }) => [reason, count]))).toEqual({
    ...{ 'too-small': small, 'http-404': gone, 'near-duplicate': copies },
  })
  expect(site.asked().length).toBe(photos + drawings + dropped + small + gone + copies)
  {
    await using ledger = await openLedger(set)
    const stamped = ledger.kept(1000).filter(({ url }) => watermarked.includes(new URL(url).pathname))
    for (const { id } of stamped)
      ledger.review.decide({ kind: 'watermark', candidate: id, reviewer: 'Ann' }, 0, Date.now())
  }
  const frozen = await freezeSet(set, freezing)
  const viewed = Object.fromEntries(frozen.views.map(({ name, images }) => [name, images]))
  expect(viewed).toMatchObject({ 'photos+drawings': 618, photos: 382 })
  expect(frozen.picks.map(({ name, blobs }) => [name, new Set(blobs).size])).toEqual([
    ['palms', 10],
    ['handshakes', 10],
  ])
  const handshakes = await openDataset(join(frozen.folder, 'handshakes.jsonl'), { folder: join(folder, 'lab') })
  expect(handshakes.items).toHaveLength(10)
}, 600_000)
