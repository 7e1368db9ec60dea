import type { Duplicate, Fingerprint } from '../ledger/index.ts'

const bits = 64

/**
 * Which images give way to which: those of the same bytes to the first, then those that look the same, mirrored ones
 * too, to the one with most pixels (the first among equals). An image gives way to the nearest of those that are kept, so
 * chains of likeness do not join what differs. The order of `images` decides nothing but ties.
 *
 * Two hashes that differ in at most d bits share one of d + 1 pieces, so only images with an equal piece are compared
 * (Norouzi et al. 2012, "Fast search in Hamming space with multi-index hashing").
 *
 * @param distance most bits of 64 in which the hashes of two such images differ
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
  const index = new HashIndex(distance)
  const near: Duplicate[] = []
  for (const { id, hash, mirroredHash } of distinct.toSorted((a, b) => b.pixels - a.pixels || a.id - b.id)) {
    const of = index.nearest([parse(hash), parse(mirroredHash)])
    if (of === null) index.add(id, parse(hash))
    else near.push({ id, of, reason: 'near-duplicate' })
  }
  // Copies of a file that gave way give way to what is kept.
  const kept = new Map(near.map(({ id, of }) => [id, of]))
  return [...same.map((copy) => ({ ...copy, of: kept.get(copy.of) ?? copy.of })), ...near]
}

/** A hash as its high and its low half. */
type Hash = readonly [high: number, low: number]

class HashIndex {
  readonly #distance: number
  readonly #pieces: readonly (readonly [from: number, length: number])[]
  readonly #buckets: Map<number, number[]>[]
  readonly #ids: number[] = []
  readonly #hashes: Hash[] = []

  constructor(distance: number) {
    this.#distance = distance
    const count = distance + 1
    const edges = Array.from({ length: count + 1 }, (_, i) => Math.round((i * bits) / count))
    this.#pieces = edges.slice(0, -1).map((edge, i) => [edge, (edges[i + 1] as number) - edge])
    this.#buckets = this.#pieces.map(() => new Map())
  }

  add(id: number, hash: Hash): void {
    const place = this.#ids.push(id) - 1
    this.#hashes.push(hash)
    for (const [i, [from, length]] of this.#pieces.entries()) {
      const buckets = this.#buckets[i] as Map<number, number[]>
      const piece = bitsOf(hash, from, length)
      const bucket = buckets.get(piece)
      if (bucket === undefined) buckets.set(piece, [place])
      else bucket.push(place)
    }
  }

  /** Id of the entry that is nearest to one of some hashes and near enough, the first added among equals; else null. */
  nearest(hashes: readonly Hash[]): number | null {
    let [best, least] = [-1, this.#distance + 1]
    for (const hash of hashes) {
      for (const [i, [from, length]] of this.#pieces.entries()) {
        for (const place of this.#buckets[i]?.get(bitsOf(hash, from, length)) ?? []) {
          const apart = distanceBetween(this.#hashes[place] as Hash, hash)
          if (apart < least || (apart === least && place < best)) [best, least] = [place, apart]
        }
      }
    }
    return this.#ids[best] ?? null
  }
}

function parse(hash: string): Hash {
  return [Number.parseInt(hash.slice(0, 8), 16), Number.parseInt(hash.slice(8), 16)]
}

/** Some bits of a hash, the highest being bit 0, as a number; two pieces of one index never meet in a map. */
function bitsOf([high, low]: Hash, from: number, length: number): number {
  let piece = 0
  for (let i = from; i < from + length; i++) piece = piece * 2 + (((i < 32 ? high : low) >>> (31 - (i % 32))) & 1)
  return piece
}

function distanceBetween(a: Hash, b: Hash): number {
  return ones(a[0] ^ b[0]) + ones(a[1] ^ b[1])
}

function ones(value: number): number {
  let left = value - ((value >>> 1) & 0x55555555)
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333)
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
