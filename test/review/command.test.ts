import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openReview } from '../../src/review/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { program } from '../cli/program.ts'
import { jpeg } from '../curation/local-web-site.ts'
import { writeSampleSet } from './sample-set.ts'

let folder: string
let set: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-review-'))
  set = join(folder, 'hands')
  const pictures = await Promise.all([1, 2, 3].map((seed) => jpeg(seed)))
  await writeSampleSet(
    set,
    pictures.map((bytes) => ({ bytes })),
  )
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function phalanxReview(...words: string[]) {
  return execa(process.execPath, [...program, 'review', ...words], {
    ...{ reject: false, stdin: 'ignore', cwd: packageRoot() },
  })
}

/** Follows a link as a browser would, and gives how to ask then. */
async function enter(link: string) {
  const { headers } = await fetch(link, { redirect: 'manual' })
  const { origin } = new URL(link)
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? ''
  return async (path: string, body?: object, more: Record<string, string> = {}) => {
    const answer = await fetch(`${origin}${path}`, {
      headers: { cookie, ...(body && { origin, 'content-type': 'application/json' }), ...more },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
    const isJson = answer.headers.get('content-type')?.includes('json')
    return { status: answer.status, headers: answer.headers, body: isJson ? await answer.json() : await answer.blob() }
  }
}

/** What is answered to who gives the server another name. */
async function statusUnder(host: string, origin: string): Promise<number | undefined> {
  const [answer] = (await once(get(origin, { headers: { host } }), 'response')) as [IncomingMessage]
  answer.resume()
  return answer.statusCode
}

async function linkOf(command: ReturnType<typeof phalanxReview>): Promise<string> {
  const [said] = (await once(command.stdout, 'data')) as [Buffer]
  return said.toString().trim()
}

const viewer = { tab: 'a'.repeat(32), reviewer: 'Ann' }
const decideOn = (candidate: number, kind: string) => ({ ...viewer, after: 0, seen: 0, decision: { kind, candidate } })

test('a decision that was answered outlives the process; what was not is not there', async () => {
  const first = phalanxReview(set)
  const ask = await enter(await linkOf(first))
  expect(await ask('/decisions', decideOn(1, 'watermark'))).toMatchObject({ status: 200, body: { last: 1 } })
  first.kill('SIGKILL')
  await first
  await expect(ask('/decisions', decideOn(2, 'drop'))).rejects.toThrow()

  const second = phalanxReview(set, '--json')
  const started = JSON.parse(await linkOf(second)) as { link: string }
  const again = await enter(started.link)
  const { body } = await again('/changes', { ...viewer, after: 0, looking: null })
  expect((body as { rows: { state: string }[] }).rows.map(({ state }) => state)).toEqual([
    ...['watermark', 'unreviewed', 'unreviewed'],
  ])
  expect(await again('/undo', { ...viewer, after: 1 })).toMatchObject({ body: { undone: { kind: 'watermark' } } })
  expect(await again('/decisions', { ...decideOn(1, 'keep'), seen: 2 })).toMatchObject({ status: 200 })
  const other = await phalanxReview(set, '--json')
  expect([other.exitCode, JSON.parse(other.stdout).error.code]).toEqual([1, 'ledger-in-use'])
  second.kill('SIGINT')
  const { exitCode, stdout } = await second
  const summary = JSON.parse(stdout.slice(stdout.indexOf('}\n') + 2))
  expect([exitCode, summary.counts]).toMatchObject([130, { kept: 1, unreviewed: 2 }])
}, 120_000)

test('what cannot be used is refused, with what to do instead', async () => {
  for (const [words, exit, code] of [
    [[join(folder, 'nowhere')], 1, 'not-a-set'],
    [[set, '--host', '0.0.0.0'], 2, 'invalid-host'],
    [[set, '--reviewer', ' '], 2, 'invalid-reviewer'],
  ] as const) {
    const { exitCode, stdout } = await phalanxReview(...words, '--json')
    expect([exitCode, JSON.parse(stdout).error.code]).toEqual([exit, code])
  }
}, 120_000)

test('the server answers who has the link, about this set alone, and never half', async () => {
  await using review = await openReview(set)
  const ask = await enter(review.link)
  const origin = new URL(review.link).origin
  expect((await fetch(`${origin}/`)).status).toBe(401)
  expect(await statusUnder('evil.example', origin)).toBe(403)
  expect((await ask('/decisions', decideOn(2, 'drop'), { origin: 'http://evil.example' })).status).toBe(403)
  const { body } = await ask('/changes', { ...viewer, after: 0, looking: null })
  const [row] = (body as { rows: { blob: string }[] }).rows
  for (const kind of ['thumbnails', 'pictures']) {
    const { status, headers } = await ask(`/${kind}/${row?.blob}`)
    expect([status, headers.get('content-type')]).toEqual([200, 'image/jpeg'])
    expect(headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
    for (const name of ['0'.repeat(64), '..%2F..%2Fledger.sqlite', 'x'])
      expect((await ask(`/${kind}/${name}`)).status).toBe(404)
  }
  expect((await ask('/')).headers.get('cache-control')).toBe('no-store')
  const cases: [string, object, number, string][] = [
    ['/decisions', decideOn(99, 'drop'), 409, 'unknown-candidate'],
    ['/decisions', decideOn(2, 'burn'), 400, 'invalid-settings'],
    ['/decisions', { ...decideOn(2, 'drop'), extra: 1 }, 400, 'invalid-settings'],
    ['/decisions', { ...decideOn(2, 'drop'), tab: '../x' }, 400, 'invalid-settings'],
    ['/decisions', { ...decideOn(2, 'drop'), seen: 7 }, 409, 'decided-meanwhile'],
    ['/look', { ...viewer, candidate: -1 }, 400, 'invalid-settings'],
    ['/take', { ...viewer, wanted: Array.from({ length: 201 }, () => 1) }, 400, 'invalid-settings'],
  ]
  for (const [path, request, status, code] of cases)
    expect(await ask(path, request)).toMatchObject({ status, body: { error: { code } } })
  const before = review.counts()
  const twice = await Promise.all([1, 2].map(() => ask('/decisions', decideOn(2, 'drop'))))
  expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 409])
  expect(review.counts()).toEqual({ ...before, unreviewed: before.unreviewed - 1, dropped: 1 })
})
