import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openBlobStore } from '../../src/curation/blob-store.ts'
import { curate, freezeSet } from '../../src/curation/index.ts'
import { type Ledger, type LoggedDecision, openLedger } from '../../src/ledger/index.ts'
import { AlikeFinder } from '../../src/review/alike.ts'
import { leaseMilliseconds, type Viewer } from '../../src/review/leases.ts'
import { openReview } from '../../src/review/open-review.ts'
import { PictureStore } from '../../src/review/picture-store.ts'
import { ReviewSession } from '../../src/review/review-session.ts'
import { secondsLeft } from '../../src/review/time-left.ts'
import { jpeg } from '../curation/local-web-site.ts'
import { writeSampleSet } from './sample-set.ts'

let folder: string
let pictures: Buffer[]
beforeAll(async () => {
  pictures = await Promise.all([1, 2, 3, 4, 5].map((seed) => jpeg(seed)))
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-review-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))
afterAll(() => rm(folder, { recursive: true, force: true }))

const tabOf = (digit: string): string => digit.repeat(32)
const ann: Viewer = { tab: tabOf('a'), reviewer: 'Ann' }
const ben: Viewer = { tab: tabOf('b'), reviewer: 'Ben' }
const all = [1, 2, 3, 4, 5]

describe('a session', () => {
  let ledger: Ledger
  let now = 0
  beforeEach(async () => {
    now = 1_000_000
    await writeSampleSet(
      folder,
      pictures.map((bytes) => ({ bytes })),
    )
    ledger = await openLedger(folder)
  })
  afterEach(() => ledger.close())
  const begin = (): ReviewSession => new ReviewSession(ledger, () => now)

  it('gives two people different pictures, and tells each what the other decides and looks at', () => {
    const session = begin()
    const seen = { Ann: new Set<number>(), Ben: new Set<number>() }
    for (let round = 0; round < 5; round++)
      for (const viewer of [ann, ben]) {
        const view = session.take(viewer, all)
        if (view === null) continue
        const { id, revision } = view.entry
        seen[viewer.reviewer as 'Ann' | 'Ben'].add(id)
        // Ben takes his next while Ann looks at hers.
        if (viewer === ann) expect(session.take(ben, [id])).toBe(null)
        session.decide(viewer, { kind: 'keep', candidate: id }, revision, 0)
      }
    expect([...seen.Ann, ...seen.Ben].toSorted()).toEqual(all)
    expect(session.take(ann, all)).toBe(null)
    expect(session.changes(ben, 3, null).rows.map(({ id }) => id)).toHaveLength(2)
    session.look(ann, 1)
    expect(session.changes(ben, 5, null)).toMatchObject({ rows: [], others: [{ candidate: 1, reviewer: 'Ann' }] })
    expect(session.look(ben, 1).heldBy).toBe('Ann')
  })

  it('refuses to decide what somebody else looks at, until that one says nothing more for a while', () => {
    const session = begin()
    session.take(ann, [2])
    // To look is no claim.
    session.look(ben, 2)
    session.changes(ben, 0, 2)
    const drop = { kind: 'drop', candidate: 2 } as const
    expect(() => session.decide(ben, drop, 0, 0)).toThrow(expect.objectContaining({ code: 'held-by-other' }))
    expect(ledger.review.last()).toBe(0)
    now += leaseMilliseconds - 1
    session.changes(ann, 0, 2)
    now += leaseMilliseconds - 1
    expect(session.take(ben, [2])).toBe(null)
    now += 1
    expect(session.take(ben, [2])?.entry.id).toBe(2)
    session.release(ben)
    expect(session.take(ann, [2])?.entry.id).toBe(2)
    session.decide(ann, drop, 0, 0)
    // Sent twice, or from another tab of the same person.
    const other = { tab: tabOf('c'), reviewer: 'Ann' }
    expect(() => session.decide(other, drop, 0, 0)).toThrow(expect.objectContaining({ code: 'decided-meanwhile' }))
  })

  it('shows a picture with those that look like it, its history, and nothing of this machine', async () => {
    await ledger.close()
    const small = await sharp(pictures[0]).resize(48, 48).jpeg().toBuffer()
    await rm(folder, { recursive: true })
    await writeSampleSet(folder, [{ bytes: pictures[0] as Buffer }, { bytes: small }, { bytes: pictures[2] as Buffer }])
    ledger = await openLedger(folder)
    const session = begin()
    const view = session.look(ann, 1)
    expect(view.alike).toMatchObject([{ id: 2, gaveWay: true, width: 48, state: 'near-duplicate' }])
    expect(view.alike[0]?.distance).toBeLessThanOrEqual(6)
    expect(session.look(ann, 2).alike).toMatchObject([{ id: 1, gaveWay: false }])
    session.decide(ann, { kind: 'not-duplicate', candidate: 2, other: 1 }, 0, 0)
    expect(session.look(ann, 2)).toMatchObject({
      entry: { state: 'kept', duplicateOf: null },
      lines: [{ kind: 'not-duplicate', reviewer: 'Ann', time: now }],
    })
    expect(session.undo(ann, 1)).toMatchObject({
      undone: { kind: 'not-duplicate' },
      rows: [{ state: 'near-duplicate' }],
    })
    expect(session.undo(ann, 2)).toMatchObject({ undone: null, rows: [] })
  })
})

it('tells what a picture is suspected of, once it was measured', async () => {
  await writeSampleSet(join(folder, 'scored'), [{ bytes: pictures[0] as Buffer }], { scored: true })
  await writeSampleSet(join(folder, 'old'), [{ bytes: pictures[0] as Buffer }])
  const [scored, old] = await Promise.all(
    ['scored', 'old'].map(async (name) => {
      await using ledger = await openLedger(join(folder, name))
      return { measured: ledger.review.rows()[0], row: new ReviewSession(ledger).changes(ann, 0, null).rows[0] }
    }),
  )
  const { watermark, clipArt, littleDetail } = scored?.measured ?? {}
  // Twelve plain circles on grey are nothing but flat areas.
  expect(scored?.row).toMatchObject({
    suspicion: Math.max(...[watermark, clipArt, littleDetail].map(Number)),
    suspected: expect.arrayContaining(['clipArt']),
  })
  expect(old?.row).toMatchObject({ suspicion: null, suspected: [] })
})

it('tells the time left by the middle of the pauses that were no absence', () => {
  const lines = [400_000, 104_000, 102_000, 100_000, 90_000].map(
    (time, i): LoggedDecision => ({
      ...{ id: 9 - i, candidate: 1, reviewer: 'Ann', time, kind: 'keep', other: null },
      ...{ oldText: null, newText: null, undoes: null },
    }),
  )
  expect(secondsLeft(lines, 30)).toBe(60)
  expect(secondsLeft(lines.slice(0, 2), 30)).toBe(null)
})

it('finds what is alike by the nearer of the picture and its mirror image, the nearest first', () => {
  const row = (id: number, hash: string, mirroredHash = 'ffffffffffffffff') => ({ id, hash, mirroredHash })
  const finder = new AlikeFinder([
    row(1, '0000000000000000', '00000000ffffffff'),
    row(2, '000000000000000f'),
    row(3, '00000000fffffffe'),
    row(4, '000000000000ffff'),
    row(5, '0000000000000001'),
  ])
  expect(finder.find(1, [])).toEqual([
    { id: 3, distance: 1 },
    { id: 5, distance: 1 },
    { id: 2, distance: 4 },
  ])
  expect(finder.find(1, [4])[0]).toEqual({ id: 4, distance: 16 })
})

it('shows pictures without what else is in their files, makes thumbnails once, and tells of lost ones', async () => {
  const blobs = await openBlobStore(join(folder, 'blobs'))
  const tagged = await sharp(pictures[0])
    .resize(700, 400, { fit: 'fill' })
    .withExif({ IFD0: { Copyright: 'Ann', Make: 'Camera' }, IFD3: { GPSLatitude: '52/1 30/1 0/1' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
  const blob = await blobs.keep(tagged)
  const store = new PictureStore(blobs, join(folder, 'thumbnails'))
  for (const bytes of [await store.picture(blob), await store.thumbnail(blob)]) {
    const header = await sharp(bytes).metadata()
    expect([header.format, header.exif, header.orientation, header.icc]).toEqual([
      'jpeg',
      undefined,
      undefined,
      undefined,
    ])
    expect(Number(header.height)).toBeGreaterThan(Number(header.width))
  }
  const kept = join(folder, 'thumbnails', blob.slice(0, 2), `${blob}.jpg`)
  const { mtimeMs } = await stat(kept)
  await Promise.all([store.thumbnail(blob), store.thumbnail(blob)])
  expect((await stat(kept)).mtimeMs).toBe(mtimeMs)
  await writeFile(blobs.path(blob), 'no picture')
  await expect(store.picture(blob)).rejects.toMatchObject({ name: 'DatasetError', code: 'lost-picture' })
})

it('is refused where there is no set, nothing to look at, or somebody at work', async () => {
  await expect(openReview(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'not-a-set' })
  await expect(stat(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' })
  await (await openLedger(join(folder, 'empty'))).close()
  await expect(openReview(join(folder, 'empty'))).rejects.toMatchObject({ code: 'nothing-to-review' })
  const set = join(folder, 'set')
  await writeSampleSet(set, [{ bytes: pictures[0] as Buffer }])
  await expect(openReview(set, { host: '0.0.0.0' })).rejects.toMatchObject({ code: 'invalid-host' })
  await expect(openReview(set, { reviewer: ' ' })).rejects.toMatchObject({ code: 'invalid-reviewer' })
  const review = await openReview(set)
  await expect(openReview(set)).rejects.toMatchObject({ code: 'ledger-in-use', facts: { pid: process.pid } })
  await expect(curate({ folder: set, sources: [{ type: 'folder', folder }] })).rejects.toMatchObject({
    code: 'ledger-in-use',
  })
  await expect(freezeSet(set)).rejects.toMatchObject({ code: 'ledger-in-use' })
  await review.close()
  await review.close()
  expect((await freezeSet(set)).unreviewed).toBe(1)
})
