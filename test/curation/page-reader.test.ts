import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CurationInput } from '../../src/config/curation.ts'
import { curate } from '../../src/curation/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { jpeg, webSite } from './local-web-site.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-reader-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

type Site = Awaited<ReturnType<typeof webSite>>

async function make(site: Site, rows: readonly object[], settings: CurationInput = {}) {
  const list = join(folder, 'list.jsonl')
  await writeFile(list, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const usual = { smallestSide: 32, perHostPerSecond: 1000, retryPause: 0.01 }
  const { counts } = await curate(
    { folder: join(folder, 'set'), sources: [{ type: 'list', file: list }], settings: { ...usual, ...settings } },
    { network: site.network },
  )
  await using ledger = await openLedger(join(folder, 'set'))
  const captions = ledger.kept(100).map(({ caption, captionSource }) => [caption, captionSource])
  return { refusals: counts.refusals, captions }
}

function page(html: string): (response: ServerResponse) => void {
  return (response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
}

test('a page gives captions to images that have none or a title, and refuses what it shows', async () => {
  const files = Object.fromEntries(await Promise.all([1, 2, 3, 4].map(async (i) => [`/${i}.jpg`, await jpeg(i)])))
  const images = [1, 2, 3].map((i) => `<img src="/${i}.jpg" alt="Palm ${i}">`)
  await using site = await webSite({
    ...files,
    '/gallery': page(images.join('')),
    '/refusing': page('<meta name="robots" content="noai"><img src="/4.jpg" alt="Palm 4">'),
  })
  const gallery = site.at('/gallery')
  const rows = [
    { url: site.at('/1.jpg'), page: gallery },
    { url: site.at('/2.jpg'), page: `${gallery}#two`, title: 'DSC_2' },
    { url: site.at('/3.jpg'), page: gallery, caption: 'My own words' },
    { url: site.at('/4.jpg'), page: site.at('/refusing') },
    { url: site.at('/gone.jpg'), page: site.at('/never') },
  ]
  const made = await make(site, rows)
  expect(made).toEqual({
    refusals: [
      { reason: 'http-404', count: 1 },
      { reason: 'page-opted-out', count: 1 },
    ],
    captions: [
      ['Palm 1', 'page-alt'],
      ['Palm 2', 'page-alt'],
      ['My own words', 'list'],
    ],
  })
  // Once, and not where the image is nothing.
  const asked = site.asked().filter((path) => !path.endsWith('.jpg'))
  expect(asked.toSorted()).toEqual(['/gallery', '/refusing'])
  expect(await make(site, rows)).toEqual(made)
  expect(site.asked().filter((path) => !path.endsWith('.jpg'))).toHaveLength(2)
})

test('what a page said is known to a later image of it, also after it is gone', async () => {
  let asked = 0
  await using site = await webSite({
    '/1.jpg': await jpeg(1),
    '/2.jpg': await jpeg(2),
    '/gallery': (response) => {
      if (asked++ === 0) page('<img src="/1.jpg" alt="One"><img src="/2.jpg" alt="Two">')(response)
      else response.writeHead(500).end()
    },
  })
  const rows = ['/1.jpg', '/2.jpg'].map((path) => ({ url: site.at(path), page: site.at('/gallery') }))
  expect((await make(site, rows.slice(0, 1))).captions).toEqual([['One', 'page-alt']])
  expect((await make(site, rows)).captions).toEqual([
    ['One', 'page-alt'],
    ['Two', 'page-alt'],
  ])
  expect(asked).toBe(1)
})

test('a page that fails, is none, is endless, or may not be read does not lose the image', async () => {
  const files = Object.fromEntries(await Promise.all([1, 2, 3, 4, 5, 6].map(async (i) => [`/${i}.jpg`, await jpeg(i)])))
  await using site = await webSite({
    ...files,
    '/robots.txt': (response) => response.end('User-agent: *\nDisallow: /closed'),
    '/broken': (response) => response.socket?.destroy(),
    '/text': (response) => response.writeHead(200, { 'content-type': 'application/pdf' }).end('noai'),
    '/closed': page('<meta name="robots" content="noai">'),
    '/endless': (response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(1 << 16)));
      }
      response.writeHead(200, { 'content-type': 'text/html' }).on('drain', more)
      more()
    },
  })
  const pages = ['/broken', '/text', '/closed', '/endless', '/missing'].map((path) => site.at(path))
  const rows = [...pages, 'http://127.0.0.1:1/private'].map((one, i) => ({ url: site.at(`/${i + 1}.jpg`), page: one }))
  const { refusals, captions } = await make(site, rows)
  expect([refusals, captions]).toEqual([[], Array.from({ length: 6 }, () => ['', 'none'])])
  expect(site.asked()).not.toContain('/closed')
})

test('pages are left alone when that is set', async () => {
  await using site = await webSite({ '/1.jpg': await jpeg(1), '/gallery': page('<meta name="robots" content="noai">') })
  const rows = [{ url: site.at('/1.jpg'), page: site.at('/gallery') }]
  expect((await make(site, rows, { sourcePages: false })).captions).toEqual([['', 'none']])
  expect(site.asked()).toEqual(['/1.jpg'])
})
