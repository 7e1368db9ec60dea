import type { Duplicate, Fingerprint } from '../ledger/index.ts'
import { HashIndex, parseHash } from './hash-index.ts'

/**
 * Which images give way to which: those of the same bytes to the first, then those that look the same, mirrored ones
 * too, to the one with most pixels (the first among equals). An image gives way to the nearest of those that are kept, so
 * chains of likeness do not join what differs. The order of `images` decides nothing.
 *
 * @param distance most bits of 64 in which the hashes of two such images differ, 0 to 16
 */
export function findDuplicates(images: readonly Fingerprint[], distance: number): Duplicate[] {
  const first = new Map<string, number>()
  const same: Duplicate[] = []
  const distinct: Fingerprint[] = []
  for (const image of images.toSorted((a, b) => a.id - b.id)) {
    const of = first.get(image.blob)
    if (of !== undefined) same.push({ id: image.id, of, reason: 'same-file' })
    else {
      first.set(image.blob, image.id)
      distinct.push(image)
    }
  }
  const index = new HashIndex(distance, distinct.length)
  const kept: number[] = []
  const near: Duplicate[] = []
  for (const { id, hash, mirroredHash } of distinct.toSorted((a, b) => b.pixels - a.pixels || a.id - b.id)) {
    const own = parseHash(hash)
    const place = index.nearest([own, parseHash(mirroredHash)])
    if (place !== null) near.push({ id, of: kept[place] as number, reason: 'near-duplicate' })
    else {
      index.add(own)
      kept.push(id)
    }
  }
  // Copies of a file that gave way give way to what is kept.
  const instead = new Map(near.map(({ id, of }) => [id, of]))
  return [...same.map((copy) => ({ ...copy, of: instead.get(copy.of) ?? copy.of })), ...near]
}
