import type { SplitSettings } from '../../config/freezing.ts'
import { HashIndex, parseHash } from '../hash-index.ts'
import { originalName, seededOrder } from './picks.ts'

/** What of an image says which others it must stay with. */
export interface SplitImage {
  /** SHA-256 of its bytes. */
  readonly blob: string
  readonly url: string
  readonly page: string | null
  readonly source: string
  readonly creator: string | null
  readonly query: string
  readonly hash: string
  readonly mirroredHash: string
}

/** Images that stay together, by their indices, in rising order. */
export type Group = readonly number[]

/** What images are split into. */
export interface Split {
  /** Of every image the name of its part. */
  readonly parts: readonly string[]
  readonly groups: readonly Group[]
}

/**
 * Which images must not be torn apart: those that look alike, chains of likeness included, and those of one page, one
 * creator, or one match in their file names, as the settings say.
 */
export function groupsOf(images: readonly SplitImage[], settings: SplitSettings): Group[] {
  const groups = new DisjointSets(images.length)
  const first = new Map<string, number>()
  for (const [i, image] of images.entries()) {
    for (const key of keysOf(image, settings)) {
      const other = first.get(key)
      if (other === undefined) first.set(key, i)
      else groups.join(i, other)
    }
  }
  // Both hashes are held, as one image may be near the mirrored other one and not the other way round.
  const index = new HashIndex(settings.distance, 2 * images.length)
  for (const [i, { hash, mirroredHash }] of images.entries()) {
    const both = [parseHash(hash), parseHash(mirroredHash)]
    for (const place of index.within(both)) groups.join(i, Math.floor(place / 2))
    for (const own of both) index.add(own)
  }
  return groups.all()
}

/**
 * The part of each image: groups are never torn apart, and each query's images are shared out as the shares say, as
 * nearly as the groups allow. Large groups come first, equal ones by chance, each to the part that it brings nearest to
 * its share of every query and of the whole (after Sechidis et al. 2011, "On the stratification of multi-label data").
 */
export function splitImages(images: readonly SplitImage[], settings: SplitSettings): Split {
  const groups = groupsOf(images, settings)
  const order = seededOrder(
    groups.map((group) => smallestBlob(group, images)),
    'splits',
    settings.seed,
  )
  const places = new Map(order.map((blob, place) => [blob, place]))
  const place = (group: Group) => places.get(smallestBlob(group, images)) ?? 0
  const shares = Object.entries(settings.shares)
  const totals = queryCounts(images)
  const held = new Map(shares.map(([name]) => [name, new Map<string, number>()]))
  const parts = new Array<string>(images.length)
  for (const group of groups.toSorted((a, b) => b.length - a.length || place(a) - place(b))) {
    const counts = queryCounts(group.map((i) => images[i] as SplitImage))
    const costs = shares.map(([name, share]) => ({ name, cost: costOf(counts, totals, held.get(name), share) }))
    const { name } = costs.reduce((best, other) => (other.cost < best.cost - 1e-12 ? other : best))
    for (const i of group) parts[i] = name
    const own = held.get(name)
    for (const [query, count] of counts) own?.set(query, (own.get(query) ?? 0) + count)
  }
  return { parts, groups }
}

/** How much farther a part gets from its shares, in squares, by taking so many images of each query. */
function costOf(
  counts: ReadonlyMap<string, number>,
  totals: ReadonlyMap<string, number>,
  held: ReadonlyMap<string, number> | undefined,
  share: number,
): number {
  let cost = 0
  for (const [query, count] of counts) {
    const total = totals.get(query) ?? 0
    const missing = share * total - (held?.get(query) ?? 0)
    // Relative to the share, so that small parts are filled as fully as large ones.
    cost += ((count - missing) ** 2 - missing ** 2) / (total * share)
  }
  return cost
}

/** Images per query, and of all queries together. */
function queryCounts(images: readonly SplitImage[]): Map<string, number> {
  const counts = new Map<string, number>([[everyQuery, images.length]])
  for (const { query } of images) {
    const key = `query ${query}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

const everyQuery = 'all'

function keysOf(image: SplitImage, { together, fileName }: SplitSettings): string[] {
  const { page, source, creator } = image
  const match = fileName === null ? null : new RegExp(fileName, 'u').exec(originalName(image))
  return [
    ...(together.includes('page') && page !== null ? [`page ${page}`] : []),
    ...(together.includes('creator') && creator ? [`creator ${source}\0${creator}`] : []),
    ...(match === null ? [] : [`file name ${match[1] ?? match[0]}`]),
  ]
}

function smallestBlob(group: Group, images: readonly SplitImage[]): string {
  return group.map((i) => (images[i] as SplitImage).blob).toSorted()[0] as string
}

/** Sets that are joined and never divided, as trees whose paths are halved on the way. */
class DisjointSets {
  readonly #above: number[]

  constructor(count: number) {
    this.#above = Array.from({ length: count }, (_, i) => i)
  }

  join(a: number, b: number): void {
    const [one, other] = [this.#root(a), this.#root(b)]
    // The smaller index stays on top, so that groups come in the order of their first images.
    if (one !== other) this.#above[Math.max(one, other)] = Math.min(one, other)
  }

  all(): number[][] {
    const groups = new Map<number, number[]>()
    for (const i of this.#above.keys()) {
      const root = this.#root(i)
      const group = groups.get(root)
      if (group === undefined) groups.set(root, [i])
      else group.push(i)
    }
    return [...groups.values()]
  }

  #root(i: number): number {
    let at = i
    for (;;) {
      const above = this.#above[at] as number
      if (above === at) return at
      this.#above[at] = this.#above[above] as number
      at = above
    }
  }
}
