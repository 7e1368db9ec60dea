/** A hash of 64 bits as its high and its low half. */
export type Hash = readonly [high: number, low: number]

const pieces = 4
const pieceBits = 16

/**
 * Finds hashes near others without comparing each with each: of two that differ in at most d bits, one of four pieces of
 * 16 bits differs in at most d / 4, so only entries with such a piece are compared (Norouzi et al. 2012, "Fast search in
 * Hamming space with multi-index hashing").
 */
export class HashIndex {
  readonly #distance: number
  readonly #changes: readonly number[]
  readonly #buckets = Array.from({ length: pieces }, () => new Array<number[] | undefined>(2 ** pieceBits))
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  #size = 0

  /**
   * @param distance most bits, 0 to 16, in which two hashes differ that are near
   * @param capacity most hashes that are added
   */
  constructor(distance: number, capacity: number) {
    this.#distance = distance
    this.#changes = changesOf(Math.floor(distance / pieces))
    this.#high = new Uint32Array(capacity)
    this.#low = new Uint32Array(capacity)
  }

  /** Adds a hash, whose place is the number of those before it. */
  add(hash: Hash): void {
    const place = this.#size++
    this.#high[place] = hash[0]
    this.#low[place] = hash[1]
    for (let i = 0; i < pieces; i++) {
      const buckets = this.#buckets[i] as (number[] | undefined)[]
      const piece = pieceOf(hash, i)
      const bucket = buckets[piece]
      if (bucket === undefined) buckets[piece] = [place]
      else bucket.push(place)
    }
  }

  /** Place of the hash that is nearest to one of some hashes and near enough, the first among equals; else null. */
  nearest(hashes: readonly Hash[]): number | null {
    let best = -1
    let least = this.#distance + 1
    this.#compare(hashes, (place, apart) => {
      if (apart < least || (apart === least && place < best)) [best, least] = [place, apart]
    })
    return best < 0 ? null : best
  }

  /** Places of all hashes that are near enough to one of some hashes. */
  within(hashes: readonly Hash[]): ReadonlySet<number> {
    const found = new Set<number>()
    this.#compare(hashes, (place, apart) => {
      if (apart <= this.#distance) found.add(place)
    })
    return found
  }

  /** Tells how far apart each hash is that shares a piece with one of some hashes, once per piece. */
  #compare(hashes: readonly Hash[], tell: (place: number, apart: number) => void): void {
    const [high, low, changes] = [this.#high, this.#low, this.#changes]
    for (const hash of hashes) {
      for (let i = 0; i < pieces; i++) {
        const buckets = this.#buckets[i] as (number[] | undefined)[]
        const piece = pieceOf(hash, i)
        for (const change of changes) {
          const bucket = buckets[piece ^ change]
          if (bucket === undefined) continue
          for (const place of bucket)
            tell(place, ones((high[place] as number) ^ hash[0]) + ones((low[place] as number) ^ hash[1]))
        }
      }
    }
  }
}

/** Reads 16 hexadecimal digits. */
export function parseHash(text: string): Hash {
  return [Number.parseInt(text.slice(0, 8), 16), Number.parseInt(text.slice(8), 16)]
}

/** Bits in which two hashes differ. */
export function hashDistance(one: Hash, other: Hash): number {
  return ones(one[0] ^ other[0]) + ones(one[1] ^ other[1])
}

/** All numbers of 16 bits with at most so many ones. */
function changesOf(most: number): number[] {
  return Array.from({ length: 2 ** pieceBits }, (_, change) => change).filter((change) => ones(change) <= most)
}

function pieceOf([high, low]: Hash, i: number): number {
  return ((i < 2 ? high : low) >>> (i % 2 === 0 ? pieceBits : 0)) & (2 ** pieceBits - 1)
}

function ones(value: number): number {
  let left = value - ((value >>> 1) & 0x55555555)
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333)
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
