import { posix } from 'node:path'
import type { KeptEntry } from '../ledger/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { sha256 } from '../util/sha256.ts'
import type { ImageForm } from './plain-image.ts'
import { views } from './views.ts'

/** An image of a frozen set with all that is known of it; of a file of this machine `url` has the name alone. */
export interface SetItem extends Pick<KeptEntry, 'url' | 'page' | 'source' | 'query' | 'creator' | 'attribution'> {
  /** Relative to the set's folder. */
  readonly file: string
  readonly form: ImageForm
  /** SHA-256 of the bytes that were fetched. */
  readonly blob: string
  /** In pixels, upright. */
  readonly width: number
  readonly height: number
  readonly caption: string
  readonly captionSource: KeptEntry['captionSource']
  /** What the caption was before people edited it, oldest first. */
  readonly earlierCaptions: KeptEntry['earlierCaptions']
  readonly licence: string
  readonly licenceUrl: string | null
}

/** What a frozen set is: its images in the order in which they were found, and its views. No time, no place. */
export interface SetManifest {
  readonly version: 1
  readonly views: readonly { readonly name: string; readonly rule: string; readonly images: number }[]
  readonly items: readonly SetItem[]
}

/** An address without the folders of this machine, which say nothing to others. */
export function shownAddress(url: string): string {
  return url.startsWith('file:') ? `file:${posix.basename(url)}` : url
}

export function itemOf(entry: KeptEntry, form: ImageForm): SetItem {
  const { blob, image, url, page, source, query, creator, attribution, licence, licenceUrl } = entry
  const caption = oneLine(entry.caption)
  const extension = form === 'original' ? image.format : 'png'
  return {
    file: `images/${blob.slice(0, 20)}.${extension === 'jpeg' ? 'jpg' : extension}`,
    ...{ form, blob, width: image.width, height: image.height },
    caption,
    captionSource: caption === '' ? 'none' : entry.captionSource,
    earlierCaptions: entry.earlierCaptions,
    url: shownAddress(url),
    ...{ page, source, query, creator, attribution, licence, licenceUrl },
  }
}

export function manifestOf(items: readonly SetItem[]): SetManifest {
  return {
    version: 1,
    views: views.map(({ name, rule, holds }) => ({ name, rule, images: items.filter(holds).length })),
    items,
  }
}

/** The manifest as text, and the SHA-256 that names the set. */
export function manifestText(manifest: SetManifest): { readonly text: string; readonly sha256: string } {
  const text = `${canonicalJson(manifest)}\n`
  return { text, sha256: sha256(text) }
}

/** Captions are read by people in terminals and by programs line by line. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim()
}
