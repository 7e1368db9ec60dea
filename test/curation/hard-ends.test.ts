import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { RandomStream } from '../../src/util/random.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { canMount, runOnSmallDisk } from '../util/small-disk.ts'
import { jpeg, webSite } from './local-web-site.ts'

const curator = join(packageRoot(), 'test', 'curation', 'fixtures', 'curator.ts')
const images = 40
const kills = 6
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curation-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function run(set: string, port: number) {
  return execa(process.execPath, ['--import', 'tsx', curator, set, join(folder, 'list.jsonl'), String(port)], {
    ...{ cwd: packageRoot(), reject: false },
  })
}

/** Candidates and images as the ledger holds them, and the files, which are what their names say. */
async function content(set: string) {
  const database = new DatabaseSync(join(set, 'ledger.sqlite'))
  const candidates = database
    .prepare('select id, url_key, state, reason, blob, duplicate_of, page_alt from candidate')
    .all()
  const facts = database.prepare('select * from image order by blob').all()
  const scores = database.prepare('select * from score order by blob').all()
  database.close()
  const entries = await readdir(join(set, 'blobs'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  for (const file of files) expect(sha256(await readFile(file))).toBe(basename(file))
  return { candidates, facts, scores, files: files.map((file) => basename(file)).toSorted() }
}

test('killed at random moments it makes and freezes the set of one that was not', { timeout: 900_000 }, async () => {
  const files: Record<string, Buffer | ((response: ServerResponse) => void)> = {}
  // Every fifth is a copy, every seventh a smaller version, some are not there.
  for (let i = 0; i < images; i++) {
    if (i % 11 === 10) continue
    const bytes = await jpeg(i % 5 === 4 || i % 7 === 6 ? i - 1 : i, i % 7 === 6 ? 48 : 64)
    files[`/${i}.jpg`] = (response) => setTimeout(() => response.end(bytes), 15)
  }
  for (let i = 0; i < images / 4; i++) {
    const meta = i % 3 === 2 ? '<meta name="robots" content="noai">' : ''
    const shown = [0, 1, 2, 3].flatMap((k) => [0, 1, 2].map((host) => [i * 4 + k, host] as const))
    const html = (port: number): string =>
      shown.map(([k, host]) => `<img src="http://host${host}.test:${port}/${k}.jpg" alt="Image ${k}">`).join('')
    files[`/page/${i}`] = (response) =>
      setTimeout(() => response.setHeader('content-type', 'text/html').end(meta + html(site.port)), 15)
  }
  await using site = await webSite(files)
  const urls = Array.from({ length: images }, (_, i) => site.at(`/${i}.jpg`, `host${i % 3}`))
  // A page for every four, which gives captions and refuses one in three.
  const rows = urls.map((url, i) => ({ url, page: site.at(`/page/${Math.floor(i / 4)}`, `host${i % 2}`) }))
  await writeFile(join(folder, 'list.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')]
  const { stdout: uninterrupted } = await run(whole, site.port)
  expect(uninterrupted).toMatch(/done [0-9a-f]{64}$/)
  const before = site.asked().length
  // Each file once, and each page of one that is there once from either host.
  const pages = site.asked().filter((path) => path.startsWith('/page/')).length
  expect([before - pages, pages]).toEqual([images, (2 * images) / 4])
  const random = new RandomStream('curation-kills', 1)
  let done = 0
  for (let ended = false; !ended; ) {
    const process = run(killed, site.port)
    if (done < kills) {
      const delay = random.uniform(0, 120)
      process.stdout.once('data', () => setTimeout(() => process.kill('SIGKILL'), delay))
    }
    const { stdout, signal } = await process
    if (signal === 'SIGKILL') done++
    ended = stdout.includes('done')
    if (ended) expect(stdout).toBe(uninterrupted)
  }
  expect(done).toBeGreaterThan(0)
  expect(await content(killed)).toEqual(await content(whole))
  // Only what was on its way when it was killed is asked again.
  expect(site.asked().length - before).toBeLessThanOrEqual(images + pages + done * 4)
})

test('a disk that is full at whatever moment loses nothing, and with room it goes on', {
  timeout: 900_000,
}, async (context) => {
  if (!canMount(folder)) context.skip('needs a Linux that lets this user mount a small disk (unshare -Urm)')
  const files: Record<string, Buffer> = {}
  for (let i = 0; i < 12; i++) files[`/${i}.jpg`] = await jpeg(i, 256)
  await using site = await webSite(files)
  const urls = Object.keys(files).map((path) => site.at(path))
  await writeFile(join(folder, 'list.jsonl'), urls.map((url) => `${JSON.stringify({ url })}\n`).join(''))
  const { stdout: uninterrupted } = await run(join(folder, 'whole'), site.port)
  const ends = new Set<string>()
  // From a disk that is full with the ledger to one that holds all but the frozen copies.
  for (let kilobytes = 120; kilobytes <= 480; kilobytes += 120) {
    const copy = join(folder, String(kilobytes))
    const stdout = await runOnSmallDisk(copy, kilobytes, curator, join(folder, 'list.jsonl'), String(site.port))
    ends.add(stdout.split('\n').at(-1) ?? '')
    expect((await run(copy, site.port)).stdout).toBe(uninterrupted)
  }
  expect([...ends].filter((end) => end !== uninterrupted.split('\n').at(-1))).toEqual(['failed disk-full'])
})
