import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CandidateInput, Outcome } from '../../src/ledger/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { ledgerVersion, tables } from '../../src/ledger/tables.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const palms = { source: 'list', query: 'palms' }
const blob = 'a'.repeat(64)
const image = {
  ...({ format: 'png', size: 9, width: 600, height: 512 } as const),
  hash: '0123456789abcdef',
  mirroredHash: 'fedcba9876543210',
}

function hit(rank: number, name: string, more: Partial<CandidateInput> = {}): CandidateInput {
  return { rank, url: `https://example.com/${name}`, ...more }
}

test('what was recorded is there after closing, with the defaults of a candidate', async () => {
  const first = await openLedger(folder)
  first.keepAnswer('list', 'page 1', '{"a": 1}', 5)
  expect(first.recordSearch(palms, [hit(2, 'b'), hit(1, 'a', { caption: 'a palm', captionSource: 'alt' })])).toBe(2)
  await first.close()
  await first.close()
  await using second = await openLedger(folder)
  expect(second.hasSearch(palms)).toBe(true)
  expect(second.hasSearch({ ...palms, source: 'other' })).toBe(false)
  expect([second.answer('list', 'page 1'), second.answer('list', 'page 2')]).toEqual(['{"a": 1}', null])
  expect(second.due(0, 10)).toEqual([
    {
      id: 1,
      attempts: 0,
      ...palms,
      rank: 1,
      url: 'https://example.com/a',
      page: null,
      creator: null,
      licence: 'unknown',
      licenceUrl: null,
      attribution: null,
      caption: 'a palm',
      captionSource: 'alt',
      width: null,
      height: null,
    },
    expect.objectContaining({ id: 2, rank: 2, caption: '', captionSource: 'none' }),
  ])
})

test('a file found twice is one candidate, told by its first hit', async () => {
  await using ledger = await openLedger(folder)
  ledger.recordSearch(palms, [hit(1, 'a?utm_source=x#top', { caption: 'first' }), hit(2, 'a', { caption: 'second' })])
  expect(ledger.recordSearch({ ...palms, query: 'fists' }, [hit(1, 'a', { caption: 'third' }), hit(2, 'b')])).toBe(1)
  expect(ledger.due(0, 10).map(({ caption, query }) => [query, caption])).toEqual([
    ['palms', 'first'],
    ['fists', ''],
  ])
  expect(ledger.counts()).toMatchObject({ searches: 2, repeated: 2, states: { waiting: 2 } })
})

test('a search counts once, however often it is recorded', async () => {
  await using ledger = await openLedger(folder)
  ledger.recordSearch(palms, [hit(1, 'a')])
  expect(ledger.recordSearch(palms, [hit(1, 'other')])).toBe(0)
  expect(ledger.due(0, 10).map(({ url }) => url)).toEqual(['https://example.com/a'])
})

test('outcomes move a candidate once, and failed ones wait for their time', async () => {
  await using ledger = await openLedger(folder)
  ledger.recordSearch(palms, [hit(1, 'a'), hit(2, 'b'), hit(3, 'c')])
  expect(ledger.recordOutcome(1, { state: 'fetched', blob, image })).toBe(true)
  expect(ledger.recordOutcome(1, { state: 'refused', reason: 'too-small' })).toBe(false)
  ledger.recordOutcome(2, { state: 'refused', reason: 'robots-refuse' })
  ledger.recordOutcome(3, { state: 'waiting', reason: 'server-busy', nextTry: 5000 })
  expect([ledger.due(4999, 10).length, ledger.nextDue()]).toEqual([0, 5000])
  expect(ledger.due(5000, 10)).toMatchObject([{ id: 3, attempts: 1 }])
  expect(ledger.counts()).toEqual({
    searches: 1,
    states: { waiting: 1, fetched: 1, refused: 1 },
    refusals: [{ reason: 'robots-refuse', count: 1 }],
    duplicates: 0,
    repeated: 0,
  })
  ledger.recordOutcome(3, { state: 'fetched', blob, image })
  expect(ledger.nextDue()).toBe(null)
})

test.each<[string, CandidateInput[], string]>([
  ['another scheme', [{ rank: 1, url: 'ftp://example.com/a' }], 'invalid-settings'],
  ['no address', [{ rank: 1, url: 'palms' }], 'invalid-settings'],
  ['a rank of 0', [hit(0, 'a')], 'invalid-settings'],
  ['a page that runs a script', [hit(1, 'a', { page: 'javascript:alert(1)' })], 'invalid-settings'],
  ['a good hit before a bad one', [hit(1, 'a'), hit(2, 'b', { caption: 'x'.repeat(9000) })], 'invalid-settings'],
])('hits with %s are refused and leave nothing', async (_, hits, code) => {
  await using ledger = await openLedger(folder)
  expect(() => ledger.recordSearch(palms, hits)).toThrow(expect.objectContaining({ code }))
  expect(ledger.counts()).toMatchObject({ searches: 0, states: { waiting: 0 } })
})

test('two hits of one rank are refused', async () => {
  await using ledger = await openLedger(folder)
  expect(() => ledger.recordSearch(palms, [hit(1, 'a'), hit(1, 'b')])).toThrow(RangeError)
  expect(ledger.hasSearch(palms)).toBe(false)
})

test.each<[string, Outcome]>([
  ['a reason that is a sentence', { state: 'refused', reason: 'It is too small.' }],
  ['a blob that is no SHA-256', { state: 'fetched', blob: '../../etc/passwd', image }],
  ['a time that is no number', { state: 'waiting', reason: 'busy', nextTry: Number.NaN }],
])('an outcome with %s is refused', async (_, outcome) => {
  await using ledger = await openLedger(folder)
  ledger.recordSearch(palms, [hit(1, 'a')])
  expect(() => ledger.recordOutcome(1, outcome)).toThrow(expect.objectContaining({ code: 'invalid-settings' }))
  expect(ledger.due(0, 1)).toHaveLength(1)
})

test('kept images come with their facts, and give way to the one they are the same as', async () => {
  await using ledger = await openLedger(folder)
  ledger.recordSearch(palms, [hit(1, 'a'), hit(2, 'b'), hit(3, 'c'), hit(4, 'd')])
  const other = 'b'.repeat(64)
  for (const [id, file] of [blob, blob, other].entries())
    ledger.recordOutcome(id + 1, { state: 'fetched', blob: file, image })
  expect(ledger.kept(2)).toMatchObject([
    { id: 1, blob, image, url: 'https://example.com/a' },
    { id: 2, blob, image },
  ])
  expect(ledger.kept(2, 2)).toMatchObject([{ id: 3, blob: other }])
  const { hash, mirroredHash } = image
  expect(ledger.fingerprints()[2]).toEqual({ id: 3, blob: other, hash, mirroredHash, pixels: 600 * 512 })
  expect(
    ledger.refuseDuplicates([
      { id: 2, of: 1, reason: 'same-file' },
      { id: 3, of: 1, reason: 'near-duplicate' },
      { id: 4, of: 1, reason: 'near-duplicate' },
    ]),
  ).toBe(2)
  expect(ledger.kept(10).map(({ id }) => id)).toEqual([1])
  ledger.recordOutcome(4, { state: 'refused', reason: 'near-duplicate' })
  expect(ledger.refused(1)).toEqual([
    { reason: 'near-duplicate', url: 'https://example.com/c', blob: 'b'.repeat(64) },
    { reason: 'same-file', url: 'https://example.com/b', blob: 'a'.repeat(64) },
  ])
  expect(ledger.counts()).toMatchObject({ duplicates: 2, states: { waiting: 0, fetched: 1, refused: 3 } })
})

test('a ledger of the first version is brought up, with all that it holds', async () => {
  const database = new DatabaseSync(join(folder, 'ledger.sqlite'))
  database.exec(tables)
  database.exec(
    "insert into candidate (url_key, state, reason) values ('https://example.com/a', 'refused', 'too-small')",
  )
  database.close()
  await using ledger = await openLedger(folder)
  expect(ledger.counts().refusals).toEqual([{ reason: 'too-small', count: 1 }])
  ledger.recordSearch(palms, [hit(1, 'b')])
  ledger.recordOutcome(2, { state: 'fetched', blob, image })
  expect(ledger.kept(10)).toHaveLength(1)
})

test('a file that is no ledger is refused and left as it was', async () => {
  await writeFile(join(folder, 'ledger.sqlite'), 'not a database at all, but long enough to be read as one'.repeat(20))
  await expect(openLedger(folder)).rejects.toMatchObject({ name: 'DatasetError', code: 'not-a-ledger' })
  await rm(join(folder, 'ledger.sqlite'))
  const other = new DatabaseSync(join(folder, 'ledger.sqlite'))
  other.exec('create table mine (x)')
  other.close()
  await expect(openLedger(folder)).rejects.toMatchObject({ code: 'not-a-ledger' })
  const same = new DatabaseSync(join(folder, 'ledger.sqlite'))
  expect(same.prepare('select name from sqlite_schema').all()).toEqual([{ name: 'mine' }])
  same.close()
})

test('a ledger of a newer version is refused, by both numbers', async () => {
  await (await openLedger(folder)).close()
  const database = new DatabaseSync(join(folder, 'ledger.sqlite'))
  database.exec('pragma user_version = 99')
  database.close()
  await expect(openLedger(folder)).rejects.toMatchObject({
    code: 'newer-ledger',
    facts: { version: 99, known: ledgerVersion },
  })
})

test('a folder that is a file is refused', async () => {
  await writeFile(join(folder, 'file'), '')
  await expect(openLedger(join(folder, 'file'))).rejects.toMatchObject({ code: 'ledger-failed' })
})
