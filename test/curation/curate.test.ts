import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CurationInput } from '../../src/config/curation.ts'
import { type CurateOptions, type CurationEvent, curate } from '../../src/curation/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { jpeg, webSite } from './local-web-site.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curation-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const usual: CurationInput = { smallestSide: 32, perHostPerSecond: 1000, retryPause: 0.01 }

async function make(urls: readonly string[], options: CurateOptions, settings: CurationInput = {}) {
  const list = join(folder, 'list.jsonl')
  await writeFile(list, urls.map((url) => `${JSON.stringify({ url })}\n`).join(''))
  return curate(
    { folder: join(folder, 'set'), sources: [{ type: 'list', file: list }], settings: { ...usual, ...settings } },
    options,
  )
}

test('a list becomes whole files under their SHA-256, and each refusal has its reason', async () => {
  const [one, two] = await Promise.all([jpeg(1), jpeg(2)])
  await using site = await webSite({
    '/one.jpg': one,
    '/copy.jpg': one,
    '/larger.jpg': await jpeg(2, 96),
    '/two.jpg': two,
    '/small.jpg': await jpeg(3, 16),
    '/page.jpg': Buffer.from('<!doctype html>'),
    '/text.jpg': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    '/opted-out.jpg': (response) =>
      response.writeHead(200, { 'x-robots-tag': 'otherbot: all, phalanx: noai' }).end(one),
    '/reserved.jpg': (response) => response.writeHead(200, { 'tdm-reservation': '1' }).end(one),
    '/robots.txt': (response, { headers }) =>
      response.end(
        headers.host?.startsWith('closed') ? 'User-agent: *\nDisallow: /' : 'User-agent: *\nDisallow: /private/',
      ),
    '/leads.jpg': (response, { headers }) =>
      response.writeHead(302, { location: `http://closed.${headers.host?.split('.')[1]}/one.jpg` }).end(),
  })
  const names = ['one', 'copy', 'two', 'larger', 'small', 'page', 'text', 'opted-out', 'reserved', 'gone', 'leads']
  const urls = [
    ...names.map((name) => site.at(`/${name}.jpg`)),
    site.at('/private/one.jpg'),
    site.at('/one.jpg', 'closed'),
    'http://127.0.0.1:1/one.jpg',
  ]
  const { counts, nextTry } = await make(urls, { network: site.network })
  expect(nextTry).toBe(null)
  expect(counts).toMatchObject({ states: { waiting: 0, fetched: 2, refused: 12 }, duplicates: 2 })
  expect(Object.fromEntries(counts.refusals.map(({ reason, count }) => [reason, count]))).toEqual({
    'same-file': 1,
    'near-duplicate': 1,
    'too-small': 1,
    'file-type-html': 1,
    'not-an-image': 1,
    'opted-out': 2,
    'http-404': 1,
    'robots-refuse': 3,
    'blocked-address': 1,
  })
  await using ledger = await openLedger(join(folder, 'set'))
  const kept = ledger.kept(10)
  expect(kept.map(({ url }) => new URL(url).pathname)).toEqual(['/one.jpg', '/larger.jpg'])
  for (const { blob, image } of kept) {
    const bytes = await readFile(join(folder, 'set', 'blobs', blob.slice(0, 2), blob))
    expect([sha256(bytes), bytes.length]).toEqual([blob, image.size])
  }
})

test('nothing is asked twice when it is run again, and a longer list adds to the set', async () => {
  await using site = await webSite({ '/1.jpg': await jpeg(1), '/2.jpg': await jpeg(2), '/3.jpg': await jpeg(3) })
  const urls = ['/1.jpg', '/gone.jpg', '/2.jpg'].map((path) => site.at(path))
  const first = await make(urls, { network: site.network })
  expect(await make(urls, { network: site.network })).toEqual(first)
  expect(site.asked().toSorted()).toEqual(['/1.jpg', '/2.jpg', '/gone.jpg'])
  const { counts } = await make([...urls, site.at('/3.jpg')], { network: site.network })
  expect(counts.states).toEqual({ waiting: 0, fetched: 3, refused: 1 })
  expect(site.asked()).toHaveLength(4)
})

test('what fails for now is tried again until it goes well or its attempts are used up', async () => {
  const file = await jpeg(1)
  let asked = 0
  await using site = await webSite({
    '/later.jpg': (response) => {
      if (++asked < 3) response.writeHead(503).end()
      else response.end(file)
    },
    '/never.jpg': (response) => response.writeHead(500).end(),
    '/cut.jpg': (response) => response.writeHead(200, { 'content-length': 5000 }).write('x', () => response.destroy()),
  })
  const events: CurationEvent[] = []
  const urls = ['/later.jpg', '/never.jpg', '/cut.jpg'].map((path) => site.at(path))
  const { counts } = await make(
    urls,
    { network: site.network, onEvent: (event) => events.push(event) },
    { attempts: 3 },
  )
  expect(counts.states).toEqual({ waiting: 0, fetched: 1, refused: 2 })
  expect(counts.refusals).toEqual([
    { reason: 'connection-failed', count: 1 },
    { reason: 'http-500', count: 1 },
  ])
  expect(site.asked()).toHaveLength(9)
  expect(events.map(({ type }) => type)).toContain('retry-wait')
  expect(events.at(-1)).toMatchObject({ type: 'fetch-progress', fetched: 1, refused: 2, waiting: 0 })
})

test('a host that asks for a long wait is left for another run, with the time, and asked nothing else', async () => {
  await using site = await webSite({
    '/busy.jpg': (response) => response.writeHead(429, { 'retry-after': '3600' }).end(),
    '/other.jpg': await jpeg(1),
    '/same.jpg': await jpeg(2),
  })
  const urls = [site.at('/busy.jpg'), site.at('/same.jpg'), site.at('/other.jpg', 'elsewhere')]
  // At this rate the second file of the host would come long after the first, and it must not come at all.
  const settings = { perHostPerSecond: 0.05 }
  const { counts, nextTry } = await make(urls, { network: site.network }, settings)
  expect(counts.states).toEqual({ waiting: 2, fetched: 1, refused: 0 })
  expect(Date.parse(nextTry ?? '') - Date.now()).toBeGreaterThan(3_000_000)
  expect(site.asked().toSorted()).toEqual(['/busy.jpg', '/other.jpg'])
  // Another run knows of the file that failed, not of the host.
  expect(await make(urls, { network: site.network })).toMatchObject({ counts: { states: { waiting: 1, fetched: 2 } } })
  expect(site.asked().toSorted()).toEqual(['/busy.jpg', '/other.jpg', '/same.jpg'])
})

test('a folder is taken whole and asked no host', async () => {
  await mkdir(join(folder, 'photographs'))
  for (const i of [1, 2, 3]) await writeFile(join(folder, 'photographs', `${i}.jpg`), await jpeg(i))
  await writeFile(join(folder, 'photographs', '4.gif'), 'GIF89a')
  const { counts } = await curate({
    ...{ folder: join(folder, 'set'), queries: ['hands', 'palms'], settings: { ...usual, perQuery: 1 } },
    sources: [{ type: 'folder', folder: join(folder, 'photographs') }],
  })
  expect(counts).toMatchObject({ searches: 1, states: { fetched: 3, refused: 1 } })
})

test('an abort ends it with its reason, and it goes on from there', async () => {
  const files = Object.fromEntries(await Promise.all([1, 2, 3, 4].map(async (i) => [`/${i}.jpg`, await jpeg(i)])))
  const stop = new AbortController()
  await using site = await webSite({
    ...files,
    '/3.jpg': (response) => (stop.signal.aborted ? response.end(files['/3.jpg']) : undefined),
  })
  const urls = [1, 2, 3, 4].map((i) => site.at(`/${i}.jpg`))
  const onEvent = (event: CurationEvent): void => {
    if (event.type === 'fetch-progress' && event.fetched === 3) stop.abort(new Error('enough'))
  }
  await expect(make(urls, { network: site.network, signal: stop.signal, onEvent })).rejects.toThrow('enough')
  const { counts } = await make(urls, { network: site.network })
  expect(counts.states).toEqual({ waiting: 0, fetched: 4, refused: 0 })
  expect(site.asked().toSorted()).toEqual(['/1.jpg', '/2.jpg', '/3.jpg', '/3.jpg', '/4.jpg'])
})

test('what a killed process had not finished is removed', async () => {
  await mkdir(join(folder, 'set', 'blobs', 'ab'), { recursive: true })
  await writeFile(join(folder, 'set', 'blobs', 'ab', `${'ab'.repeat(32)}.123.tmp`), 'half')
  await using site = await webSite({ '/1.jpg': await jpeg(1) })
  await make([site.at('/1.jpg')], { network: site.network })
  const left = await readdir(join(folder, 'set', 'blobs'), { recursive: true })
  expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('images are scored as they come, and anew where an older version had not', async () => {
  await using site = await webSite({ '/1.jpg': await jpeg(1), '/2.jpg': await jpeg(2) })
  const urls = ['/1.jpg', '/2.jpg'].map((path) => site.at(path))
  const { suspected } = await make(urls, { network: site.network })
  // Sixty-four pixels that are shown on 512 have no detail.
  expect(suspected).toMatchObject({ littleDetail: 2 })
  const scored = async () => {
    await using ledger = await openLedger(join(folder, 'set'))
    return { rows: ledger.review.rows(), fingerprints: ledger.fingerprints() }
  }
  const first = await scored()
  expect(first.rows.map(({ clipArt }) => typeof clipArt)).toEqual(['number', 'number'])
  const ledger = join(folder, 'set', 'ledger.sqlite')
  changed(ledger, `update score set measure = 99, sharpness = 1; update image set hash = '${'0'.repeat(16)}'`)
  await make(urls, { network: site.network })
  expect(await scored()).toEqual(first)
  changed(ledger, 'delete from score')
  await make(urls, { network: site.network })
  expect(await scored()).toEqual(first)
  changed(ledger, 'delete from score')
  const blob = first.rows[0]?.blob ?? ''
  await writeFile(join(folder, 'set', 'blobs', blob.slice(0, 2), blob), 'broken')
  await expect(make(urls, { network: site.network })).rejects.toMatchObject({ code: 'damaged-set' })
})

function changed(ledger: string, sql: string): void {
  const database = new DatabaseSync(ledger)
  database.exec(sql)
  database.close()
}

test('a request without a source or a query, or with a setting that does not exist, is refused', async () => {
  const base = { folder: join(folder, 'set') }
  await expect(curate({ ...base, sources: [] })).rejects.toMatchObject({ code: 'nothing-to-search' })
  await expect(curate({ ...base, sources: [{ type: 'openverse' }] })).rejects.toMatchObject({
    code: 'nothing-to-search',
  })
  const settings = { perHostPerSeconds: 2 } as CurationInput
  await expect(curate({ ...base, sources: [{ type: 'openverse' }], settings })).rejects.toThrow('perHostPerSecond')
})
