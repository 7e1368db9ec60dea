import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Decision, type Ledger, openLedger, type ReviewState } from '../../src/ledger/index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'review-log-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const search = { source: 'list', query: 'palms' }
const image = {
  ...({ format: 'png', size: 9, width: 600, height: 512 } as const),
  hash: '0123456789abcdef',
  mirroredHash: 'fedcba9876543210',
}

/** A ledger with so many images, each of a file of its own. */
async function withImages(count: number, root = folder): Promise<Ledger> {
  const ledger = await openLedger(root)
  const ids = Array.from({ length: count }, (_, i) => i + 1)
  ledger.recordSearch(
    search,
    ids.map((id) => ({ rank: id, url: `https://example.com/${id}`, caption: `palm ${id}`, captionSource: 'alt' })),
  )
  for (const id of ids) ledger.recordOutcome(id, { state: 'fetched', blob: String(id).padStart(64, '0'), image })
  return ledger
}

/** Decides on what is there now. */
function decide({ review }: Ledger, decision: Decision): number {
  return review.decide(decision, review.entry(decision.candidate).revision, 1000)
}

const ann = { reviewer: 'Ann' }
const state = (ledger: Ledger, id: number): ReviewState => ledger.review.entry(id).state

test('what is decided counts, with its reason, and is there after opening again', async () => {
  {
    await using ledger = await withImages(6)
    decide(ledger, { kind: 'keep', candidate: 1, ...ann })
    decide(ledger, { kind: 'drop', candidate: 2, ...ann })
    decide(ledger, { kind: 'watermark', candidate: 3, ...ann })
    decide(ledger, { kind: 'clip-art', candidate: 4, ...ann })
    decide(ledger, { kind: 'duplicate', candidate: 5, other: 1, ...ann })
  }
  await using ledger = await openLedger(folder)
  expect(ledger.review.rows().map((row) => [row.id, row.state, row.revision])).toEqual([
    [1, 'kept', 1],
    [2, 'dropped', 2],
    [3, 'watermark', 3],
    [4, 'clip-art', 4],
    [5, 'duplicate', 5],
    [6, 'unreviewed', 0],
  ])
  expect(ledger.review.rows(3).map(({ id }) => id)).toEqual([4, 5])
  expect(ledger.review.entry(5)).toMatchObject({ duplicateOf: 1, caption: 'palm 5', image: { width: 600 } })
  expect(ledger.kept(10).map(({ id }) => id)).toEqual([1, 6])
  expect(ledger.fingerprints().map(({ id }) => id)).toEqual([1, 6])
  expect(ledger.counts()).toMatchObject({
    states: { fetched: 2, refused: 4 },
    refusals: ['clip-art', 'dropped', 'duplicate', 'watermark'].map((reason) => ({ reason, count: 1 })),
  })
  expect(ledger.refused(1).map(({ reason }) => reason)).toEqual(['clip-art', 'dropped', 'duplicate', 'watermark'])
  expect(ledger.review.counts()).toMatchObject({ unreviewed: 1, kept: 1, dropped: 1, 'near-duplicate': 0 })
})

test('undoing goes back over one person’s decisions, and the log keeps them all', async () => {
  await using ledger = await withImages(2)
  decide(ledger, { kind: 'keep', candidate: 1, ...ann })
  decide(ledger, { kind: 'drop', candidate: 1, ...ann })
  decide(ledger, { kind: 'drop', candidate: 2, reviewer: 'Ben' })
  expect(ledger.review.undo('Ann', 2000)).toMatchObject({ candidate: 1, kind: 'drop' })
  expect(state(ledger, 1)).toBe('kept')
  expect(ledger.review.undo('Ann', 2001)).toMatchObject({ candidate: 1, kind: 'keep' })
  expect([state(ledger, 1), state(ledger, 2)]).toEqual(['unreviewed', 'dropped'])
  expect(ledger.review.undo('Ann', 2002)).toBe(null)
  expect(ledger.review.lines({ candidate: 1 })).toMatchObject([
    { kind: 'undo', undoes: 1, time: 2001 },
    { kind: 'undo', undoes: 2 },
    { kind: 'drop', reviewer: 'Ann', time: 1000 },
    { kind: 'keep' },
  ])
  expect(ledger.review.lines({ name: 'Ben' })).toHaveLength(1)
})

test('captions are edited with their history, whatever stands in them', async () => {
  await using ledger = await withImages(1)
  const hostile = '<script>alert(1)</script> \u202eright to left\u001b[31m\n"quoted"'
  decide(ledger, { kind: 'caption', candidate: 1, text: 'an open palm', ...ann })
  decide(ledger, { kind: 'caption', candidate: 1, text: hostile, reviewer: 'Ben' })
  const edited = {
    caption: hostile,
    captionSource: 'edited',
    earlierCaptions: [
      { caption: 'palm 1', captionSource: 'alt' },
      { caption: 'an open palm', captionSource: 'edited' },
    ],
  }
  expect(ledger.review.entry(1)).toMatchObject({ ...edited, state: 'unreviewed' })
  expect(ledger.kept(1)).toMatchObject([edited])
  ledger.review.undo('Ben', 1)
  expect(ledger.kept(1)).toMatchObject([{ caption: 'an open palm' }])
  ledger.review.undo('Ann', 1)
  expect(ledger.kept(1)).toMatchObject([{ caption: 'palm 1', captionSource: 'alt', earlierCaptions: [] }])
})

test('what gave way can be looked at, and comes back when a person says that it is no duplicate', async () => {
  await using ledger = await withImages(4)
  ledger.refuseDuplicates([
    { id: 2, of: 1, reason: 'near-duplicate' },
    { id: 3, of: 1, reason: 'same-file' },
  ])
  expect(ledger.review.rows().map((row) => [row.id, row.state])).toEqual([
    [1, 'unreviewed'],
    [2, 'near-duplicate'],
    [4, 'unreviewed'],
  ])
  expect(ledger.review.entry(2)).toMatchObject({ duplicateOf: 1, blob: '2'.padStart(64, '0') })
  expect(() => decide(ledger, { kind: 'keep', candidate: 2, ...ann })).toThrow(
    expect.objectContaining({ code: 'gave-way' }),
  )
  decide(ledger, { kind: 'not-duplicate', candidate: 2, other: 1, ...ann })
  expect([state(ledger, 2), ledger.kept(9).map(({ id }) => id)]).toEqual(['kept', [1, 2, 4]])
  expect(ledger.counts()).toMatchObject({ duplicates: 1, states: { fetched: 3, refused: 1 } })
  ledger.review.undo('Ann', 1)
  expect(ledger.kept(9).map(({ id }) => id)).toEqual([1, 4])
})

test.each<[string, Decision, string]>([
  ['a candidate that is not there', { kind: 'keep', candidate: 99, ...ann }, 'unknown-candidate'],
  ['one without a picture', { kind: 'keep', candidate: 4, ...ann }, 'unknown-candidate'],
  ['a duplicate of itself', { kind: 'duplicate', candidate: 1, other: 1, ...ann }, 'duplicate-of-itself'],
  ['a duplicate of nothing', { kind: 'duplicate', candidate: 1, other: 99, ...ann }, 'unknown-candidate'],
  ['a duplicate of what was dropped', { kind: 'duplicate', candidate: 1, other: 3, ...ann }, 'duplicate-of-refused'],
  ['no duplicate, where none was found', { kind: 'not-duplicate', candidate: 1, other: 2, ...ann }, 'no-duplicate'],
  ['the caption that it has', { kind: 'caption', candidate: 1, text: 'palm 1', ...ann }, 'same-caption'],
  ['a caption without end', { kind: 'caption', candidate: 1, text: 'x'.repeat(8193), ...ann }, 'invalid-settings'],
  ['nobody', { kind: 'keep', candidate: 1, reviewer: ' ' }, 'invalid-settings'],
])('a decision on %s is refused and leaves nothing', async (_, decision, code) => {
  await using ledger = await withImages(3)
  ledger.recordSearch({ ...search, query: 'more' }, [{ rank: 1, url: 'https://example.com/4' }])
  decide(ledger, { kind: 'drop', candidate: 3, reviewer: 'Ben' })
  expect(() => ledger.review.decide(decision, 0, 1)).toThrow(expect.objectContaining({ code }))
  expect(ledger.review.last()).toBe(1)
})

test('who looked at an earlier state decides nothing, so a decision that is sent twice counts once', async () => {
  await using ledger = await withImages(1)
  const drop = { kind: 'drop', candidate: 1, ...ann } as const
  ledger.review.decide(drop, 0, 1)
  expect(() => ledger.review.decide(drop, 0, 1)).toThrow(expect.objectContaining({ code: 'decided-meanwhile' }))
  expect(ledger.review.lines()).toHaveLength(1)
  // Also when what was decided meanwhile was taken back.
  ledger.review.undo('Ann', 1)
  expect(() => ledger.review.decide(drop, 0, 1)).toThrow(expect.objectContaining({ code: 'decided-meanwhile' }))
})

test('lines of the log cannot name what is not there', async () => {
  await (await withImages(1)).close()
  const database = new DatabaseSync(join(folder, 'ledger.sqlite'))
  database.exec('pragma foreign_keys = on')
  const add = (columns: string, values: string) => () =>
    database.exec(`insert into decision (candidate, reviewer, time, ${columns}) values (1, 'Ann', 1, ${values})`)
  expect(add('kind', "'burn'")).toThrow()
  expect(add('kind', "'duplicate'")).toThrow()
  expect(add('kind, undoes', "'undo', 7")).toThrow()
  expect(add('kind', "'keep'")).not.toThrow()
  database.close()
})

test('any order of deciding and undoing ends as going through what was not undone says', async () => {
  const step = fc.record({
    candidate: fc.integer({ min: 1, max: 3 }),
    reviewer: fc.constantFrom('Ann', 'Ben'),
    kind: fc.constantFrom('keep', 'drop', 'watermark', 'clip-art', 'undo', 'undo'),
  })
  const meant: Record<string, ReviewState> = {
    ...{ keep: 'kept', drop: 'dropped', watermark: 'watermark', 'clip-art': 'clip-art' },
  }
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using ledger = await withImages(3, join(folder, String(run++)))
      let valid: (typeof steps)[number][] = []
      for (const one of steps) {
        const { kind, candidate, reviewer } = one
        if (kind === 'undo') {
          const last = valid.findLast((other) => other.reviewer === reviewer)
          expect(ledger.review.undo(reviewer, 1)?.candidate).toBe(last?.candidate)
          valid = valid.filter((other) => other !== last)
        } else {
          decide(ledger, { kind, candidate, reviewer } as Decision)
          valid.push(one)
        }
      }
      for (const id of [1, 2, 3]) {
        const last = valid.findLast(({ candidate }) => candidate === id)
        expect(state(ledger, id)).toBe(last === undefined ? 'unreviewed' : meant[last.kind])
      }
    }),
    { numRuns: 40 },
  )
})
