import { type Hash, hashDistance, parseHash } from '../curation/hash-index.ts'
import type { ReviewRow } from '../ledger/index.ts'

/** Bits in which the hashes of two pictures differ that are still shown side by side: twice what gives way by itself. */
const farthest = 12
const most = 6

/** A picture that looks like another one. */
export interface Alike {
  readonly id: number
  /** Bits of 64 in which the perceptual hashes differ, of the picture or of its mirror image. */
  readonly distance: number
}

/** Tells which pictures of a set look like one of them. */
export class AlikeFinder {
  readonly #hashes = new Map<number, { readonly own: Hash; readonly mirrored: Hash }>()

  constructor(rows: readonly Pick<ReviewRow, 'id' | 'hash' | 'mirroredHash'>[]) {
    for (const { id, hash, mirroredHash } of rows)
      this.#hashes.set(id, { own: parseHash(hash), mirrored: parseHash(mirroredHash) })
  }

  /** Pictures that look like one, the nearest first; those in `always` however far they are. */
  find(id: number, always: readonly number[]): Alike[] {
    const hashes = this.#hashes.get(id)
    if (hashes === undefined) return []
    const found: Alike[] = []
    for (const [other, { own }] of this.#hashes) {
      if (other === id) continue
      const distance = Math.min(hashDistance(hashes.own, own), hashDistance(hashes.mirrored, own))
      if (distance <= farthest || always.includes(other)) found.push({ id: other, distance })
    }
    const rank = (one: Alike): number => (always.includes(one.id) ? -1 : one.distance)
    return found.toSorted((a, b) => rank(a) - rank(b) || a.distance - b.distance || a.id - b.id).slice(0, most)
  }
}
