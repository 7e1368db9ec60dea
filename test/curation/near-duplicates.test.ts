import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findDuplicates } from '../../src/curation/near-duplicates.ts'
import type { Fingerprint } from '../../src/ledger/index.ts'

const none = 'ffffffffffffffff'

function image(id: number, hash: bigint, more: Partial<Fingerprint> = {}): Fingerprint {
  const text = (value: bigint): string => value.toString(16).padStart(16, '0')
  return { id, blob: `file ${id}`, hash: text(hash), mirroredHash: none, pixels: 100, ...more }
}

test('the same bytes give way to the first, likeness to the one with most pixels, mirrored or not', () => {
  expect(
    findDuplicates(
      [
        image(1, 0n, { blob: 'x' }),
        image(2, 0n, { blob: 'x' }),
        image(3, 0b111111n, { pixels: 900 }),
        image(4, 0xffff0000n, { mirroredHash: '000000000000003f' }),
        image(5, 0b1111111n << 20n),
      ],
      6,
    ),
  ).toEqual([
    { id: 2, of: 3, reason: 'same-file' },
    { id: 1, of: 3, reason: 'near-duplicate' },
    { id: 4, of: 3, reason: 'near-duplicate' },
  ])
})

test('a chain of likeness does not join its ends', () => {
  const chain = [0n, 0b1111n, 0b11111111n, 0b111111111111n].map((hash, i) => image(i + 1, hash))
  expect(findDuplicates(chain, 4)).toEqual([
    { id: 2, of: 1, reason: 'near-duplicate' },
    { id: 4, of: 3, reason: 'near-duplicate' },
  ])
})

/** The rule itself, by comparing each with each. */
function bruteForce(images: readonly Fingerprint[], distance: number) {
  const apart = (a: string, b: string): number =>
    [...(BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2)].filter((bit) => bit === '1').length
  const kept: Fingerprint[] = []
  const pairs: [number, number][] = []
  for (const one of images.toSorted((a, b) => b.pixels - a.pixels || a.id - b.id)) {
    const distances = kept.map(({ hash }) => Math.min(apart(hash, one.hash), apart(hash, one.mirroredHash)))
    const least = Math.min(...distances)
    if (least <= distance) pairs.push([one.id, kept[distances.indexOf(least)]?.id ?? 0])
    else kept.push(one)
  }
  return pairs
}

test('it finds what comparing each with each finds', () => {
  // Few bits differ, so that many are near each other.
  const hash = fc
    .array(fc.integer({ min: 0, max: 63 }), { maxLength: 9 })
    .map((set) => set.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n))
  const images = fc.array(fc.tuple(hash, hash, fc.integer({ min: 1, max: 3 })), { maxLength: 40 })
  fc.assert(
    fc.property(images, fc.integer({ min: 0, max: 16 }), (list, distance) => {
      const all = list.map(([own, mirrored, pixels], i) =>
        image(i + 1, own, { mirroredHash: mirrored.toString(16).padStart(16, '0'), pixels }),
      )
      expect(findDuplicates(all, distance).map(({ id, of }) => [id, of])).toEqual(bruteForce(all, distance))
    }),
  )
})
