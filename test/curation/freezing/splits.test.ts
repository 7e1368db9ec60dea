import fc from 'fast-check'
import { expect, test } from 'vitest'
import { freezing, type SplitSettings } from '../../../src/config/freezing.ts'
import { splitImages } from '../../../src/curation/freezing/splits.ts'
import type { SetItem } from '../../../src/curation/manifest.ts'
import { RandomStream } from '../../../src/util/random.ts'
import { item } from './items.ts'

function settingsOf(input: object = {}): SplitSettings {
  const { splits } = freezing.parse({ splits: input })
  if (splits === null) throw new TypeError('no splits')
  return splits
}

/** Hashes near a few centres, some mirrored, and facts that tie images together now and then. */
function images(seed: number, count: number): SetItem[] {
  const random = new RandomStream('split-test', seed)
  const centres = Array.from({ length: 12 }, () => random.uint32())
  return Array.from({ length: count }, (_, i) => {
    const near = (random.pick(centres) ^ (1 << random.integer(32)) ^ (1 << random.integer(32))) >>> 0
    const hash = near.toString(16).padStart(8, '0').repeat(2)
    const other = random.uint32().toString(16).padStart(8, '0').repeat(2)
    const turned = random.chance(0.3)
    return item(`${seed} ${i}`, {
      ...{ hash: turned ? other : hash, mirroredHash: turned ? hash : other },
      url: `file:person${random.integer(30)}_pic${i}.jpg`,
      page: random.chance(0.3) ? `https://example.com/${random.integer(20)}` : null,
      creator: random.chance(0.3) ? `creator ${random.integer(20)}` : null,
      query: `query ${random.integer(3)}`,
    })
  })
}

function bitsApart(a: string, b: string): number {
  return (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2).replaceAll('0', '').length
}

/** Whether two images must not be torn apart, told one by one. */
function belongTogether(a: SetItem, b: SetItem, distance: number, byName: boolean): boolean {
  const apart = Math.min(
    bitsApart(a.hash, b.hash),
    bitsApart(a.mirroredHash, b.hash),
    bitsApart(b.mirroredHash, a.hash),
  )
  const person = ({ url }: SetItem) => url.split('_pic')[0]
  return (
    apart <= distance ||
    (a.page !== null && a.page === b.page) ||
    (a.creator !== null && a.creator === b.creator) ||
    (byName && person(a) === person(b))
  )
}

test('nothing leaks: what is alike or of one page, creator or recording is in one part', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 16 }),
      fc.boolean(),
      (seed, count, distance, byName) => {
        const all = images(seed, count)
        const { parts } = splitImages(all, settingsOf({ distance, seed, fileName: byName ? '^(.*)_pic' : null }))
        expect(parts.every((part) => ['train', 'validation', 'test'].includes(part))).toBe(true)
        for (const [i, a] of all.entries())
          for (const [j, b] of all.slice(0, i).entries())
            if (belongTogether(a, b, distance, byName)) expect(parts[i]).toBe(parts[j])
      },
    ),
    { numRuns: 60 },
  )
})

test('the order of images decides nothing, and the seed does', () => {
  const all = images(1, 50).map((one) => ({
    ...one,
    page: null,
    creator: null,
    hash: one.blob.slice(0, 16),
    mirroredHash: one.blob.slice(16, 32),
  }))
  const partsByBlob = (items: readonly SetItem[], seed: number) => {
    const { parts } = splitImages(items, settingsOf({ seed, distance: 0 }))
    return Object.fromEntries(items.map(({ blob }, i) => [blob, parts[i]]))
  }
  const first = partsByBlob(all, 0)
  expect(partsByBlob(all.toReversed(), 0)).toEqual(first)
  expect(partsByBlob(all, 1)).not.toEqual(first)
})

test('every part gets its share of every query, as far as groups allow', () => {
  const all = Array.from({ length: 120 }, (_, i) => item(`${i}`, { query: ['a', 'b', 'c'][i % 3] as string }))
  const { parts, groups } = splitImages(all, settingsOf({ distance: 0 }))
  expect(groups).toHaveLength(120)
  for (const query of ['a', 'b', 'c']) {
    const count = (name: string) => parts.filter((part, i) => part === name && all[i]?.query === query).length
    expect(['train', 'validation', 'test'].map(count)).toEqual([32, 4, 4])
  }
})

test('one group goes whole into the largest part', () => {
  const all = Array.from({ length: 9 }, (_, i) => item(`${i}`, { creator: 'Ann' }))
  expect(new Set(splitImages(all, settingsOf()).parts)).toEqual(new Set(['train']))
})
