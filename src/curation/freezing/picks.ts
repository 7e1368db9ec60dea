import { posix } from 'node:path'
import type { PickSettings } from '../../config/freezing.ts'
import { DatasetError } from '../../errors/index.ts'
import { nearestName } from '../../util/nearest-name.ts'
import { RandomStream } from '../../util/random.ts'
import type { PickRecord, SetItem } from '../manifest.ts'
import { type Likeness, unlikeness } from './likeness.ts'

/**
 * Chooses a small set out of the images of its view. Draws depend on the seed and on an image's bytes alone, so that
 * images which come to a set do not mix up what was chosen before.
 *
 * `diverse` begins with the image that is drawn first and takes the one farthest from all that were taken, again and
 * again (Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"), as `unlikeness` tells.
 *
 * Throws DatasetError (`unknown-image`, `ambiguous-image`) for an image that is named and is not the view's.
 */
export function pick(
  settings: PickSettings,
  items: readonly SetItem[],
  likenesses: ReadonlyMap<string, Likeness>,
): PickRecord {
  return { name: settings.name, rule: ruleInWords(settings), settings, blobs: choose(settings, items, likenesses) }
}

function choose(
  settings: PickSettings,
  items: readonly SetItem[],
  likenesses: ReadonlyMap<string, Likeness>,
): string[] {
  if (settings.strategy === 'by-hand')
    return [...new Set(settings.images.map((image) => named(image, items, settings.name).blob))]
  const { seed, count, strategy } = settings
  const drawn = seededOrder(
    items.map(({ blob }) => blob),
    'pick',
    seed,
  )
  return strategy === 'seeded' ? drawn.slice(0, count) : farthest(drawn, count, likenesses)
}

/** Hashes in an order by chance that stays when others are put among them. */
export function seededOrder(blobs: readonly string[], purpose: string, seed: number): string[] {
  return blobs
    .map((blob) => ({ blob, place: new RandomStream(purpose, seed, blob).uint32() }))
    .toSorted((a, b) => a.place - b.place || (a.blob < b.blob ? -1 : 1))
    .map(({ blob }) => blob)
}

/** Of equally far ones the first is taken. */
function farthest(blobs: readonly string[], count: number, likenesses: ReadonlyMap<string, Likeness>): string[] {
  const nearest = new Map(blobs.map((blob) => [blob, Number.POSITIVE_INFINITY]))
  const chosen: string[] = []
  while (chosen.length < count && nearest.size > 0) {
    const [next] = [...nearest].reduce((best, other) => (other[1] > best[1] ? other : best))
    chosen.push(next)
    nearest.delete(next)
    const taken = likenessOf(next)
    for (const [blob, distance] of nearest) nearest.set(blob, Math.min(distance, unlikeness(taken, likenessOf(blob))))
  }
  return chosen

  function likenessOf(blob: string): Likeness {
    const known = likenesses.get(blob)
    if (known === undefined) throw new RangeError(`${blob} was not looked at`)
    return known
  }
}

function named(image: string, items: readonly SetItem[], pickName: string): SetItem {
  const isHash = /^[0-9a-f]{8,64}$/.test(image)
  const found = items.filter(
    (item) =>
      (isHash && item.blob.startsWith(image)) ||
      item.file === image ||
      posix.basename(item.file) === image ||
      originalName(item) === image,
  )
  const [first, second] = found
  if (first !== undefined && second === undefined) return first
  const facts = { pick: pickName, image }
  if (first !== undefined) {
    throw new DatasetError({
      code: 'ambiguous-image',
      message: `${found.length} images are called ${image}, which the pick ${pickName} names. Name it by the beginning of its SHA-256: ${found.map(({ blob }) => blob.slice(0, 12)).join(', ')}.`,
      facts,
    })
  }
  const nearest = nearestName(image, items.map(originalName))
  throw new DatasetError({
    code: 'unknown-image',
    message: `The pick ${pickName} names ${image}, which is not among the ${items.length} images of its view. ${nearest === undefined ? 'Name images by SHA-256 or by file name, as the manifest has them.' : `Did you mean ${nearest}?`}`,
    facts,
  })
}

/** The name of the file that an image was. */
export function originalName({ url }: { readonly url: string }): string {
  const path = url.startsWith('file:') ? url.slice('file:'.length) : new URL(url).pathname
  const name = posix.basename(path)
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function ruleInWords(settings: PickSettings): string {
  if (settings.strategy === 'by-hand') return `${settings.images.length} images of ${settings.view} that were named`
  const { count, view, seed } = settings
  const how = settings.strategy === 'diverse' ? 'as unlike each other as can be' : 'by chance'
  return `${count} images of ${view}, ${how}, seed ${seed}`
}
