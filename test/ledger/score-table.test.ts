import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Ledger, openLedger, type Quality } from '../../src/ledger/index.ts'
import { migrations, tables } from '../../src/ledger/tables.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scores-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const image = {
  ...({ format: 'png', size: 9, width: 600, height: 512 } as const),
  ...{ hash: '0123456789abcdef', mirroredHash: 'fedcba9876543210' },
}

function blob(i: number): string {
  return i.toString(16).padStart(64, '0')
}

function qualityOf(watermark: number, clipArt = 0, littleDetail = 0, measure = 1): Quality {
  return {
    measure,
    scores: {
      ...{ sharpness: 12.5, entropy: 7.1, flatArea: 0.1, distinctColours: 300, borders: 0.25 },
      ...{ textOverlay: 0.125, repeatedPattern: 0.0625 },
    },
    suspicion: { watermark, clipArt, littleDetail },
  }
}

/** Records images of these qualities, the first with id 1. */
function fill(ledger: Ledger, qualities: readonly (Quality | undefined)[]): void {
  ledger.recordSearch(
    { source: 'list', query: 'palms' },
    qualities.map((_, i) => ({ rank: i + 1, url: `https://example.com/${i + 1}` })),
  )
  for (const [i, quality] of qualities.entries())
    ledger.recordOutcome(i + 1, { state: 'fetched', blob: blob(i + 1), image, ...(quality && { quality }) })
}

/** Ids and suspicions of a kind as a review gets them. */
function suspicions(ledger: Ledger, kind: 'watermark' | 'clipArt' | 'littleDetail') {
  return ledger.review.rows().map((row) => [row.id, row[kind]])
}

test('a review gets the suspicions that were recorded, and none of what was not measured', async () => {
  await using ledger = await openLedger(folder)
  fill(ledger, [qualityOf(0.1, 0.9), qualityOf(0.8), undefined, qualityOf(0.3, 0, 0.95)])
  const got = (['watermark', 'clipArt', 'littleDetail'] as const).map((kind) => suspicions(ledger, kind))
  expect(got).toEqual([
    ...[
      [
        [1, 0.1],
        [2, 0.8],
        [3, null],
        [4, 0.3],
      ],
      [
        [1, 0.9],
        [2, 0],
        [3, null],
        [4, 0],
      ],
    ],
    [
      [1, 0],
      [2, 0],
      [3, null],
      [4, 0.95],
    ],
  ])
  const least = { watermark: 0.3, clipArt: 0.91, littleDetail: 0.95 }
  expect(ledger.scores.counts(least)).toEqual({ watermark: 2, clipArt: 0, littleDetail: 1 })
  ledger.refuseDuplicates([{ id: 2, of: 1, reason: 'near-duplicate' }])
  expect(ledger.scores.counts(least).watermark).toBe(1)
})

test('what was measured in another way, or never, is told and measured anew', async () => {
  await using ledger = await openLedger(folder)
  fill(ledger, [qualityOf(0.1), undefined, qualityOf(0.2, 0, 0, 7), undefined])
  ledger.refuseDuplicates([{ id: 4, of: 1, reason: 'near-duplicate' }])
  expect(ledger.scores.unmeasured(7, 10)).toEqual([blob(1), blob(2), blob(4)])
  expect([ledger.scores.unmeasured(7, 1), ledger.scores.unmeasured(7, 1, blob(1))]).toEqual([[blob(1)], [blob(2)]])
  const hashes = { hash: '1111111111111111', mirroredHash: '2222222222222222' }
  ledger.scores.remeasure(blob(1), { ...hashes, quality: qualityOf(0.9, 0, 0, 7) })
  expect(ledger.scores.unmeasured(7, 10)).toEqual([blob(2), blob(4)])
  expect(ledger.fingerprints()[0]).toMatchObject(hashes)
  expect(suspicions(ledger, 'watermark')[0]).toEqual([1, 0.9])
})

test.each([
  ['a suspicion above 1', qualityOf(1.5)],
  ['a score that is no number', { ...qualityOf(0), scores: { ...qualityOf(0).scores, sharpness: Number.NaN } }],
  ['a share below 0', { ...qualityOf(0), scores: { ...qualityOf(0).scores, flatArea: -0.1 } }],
])('%s is refused and leaves nothing', async (_, quality) => {
  await using ledger = await openLedger(folder)
  expect(() => fill(ledger, [quality])).toThrow(expect.objectContaining({ code: 'invalid-settings' }))
  expect(ledger.counts().states).toMatchObject({ waiting: 1, fetched: 0 })
})

test('a ledger of the second version is brought up, and its images are told as not measured', async () => {
  const database = new DatabaseSync(join(folder, 'ledger.sqlite'))
  database.exec(tables)
  database.exec(migrations[1] as string)
  database.exec(`insert into image values ('${blob(1)}', 'png', 9, 600, 512, '${image.hash}', '${image.hash}')`)
  database.exec(
    `insert into candidate (url_key, state, blob) values ('https://example.com/1', 'fetched', '${blob(1)}')`,
  )
  database.close()
  await using ledger = await openLedger(folder)
  expect(ledger.scores.unmeasured(1, 10)).toEqual([blob(1)])
})
