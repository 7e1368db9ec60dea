import { posix } from 'node:path'
import type { CaptionWording, PickSettings, SplitSettings } from '../config/freezing.ts'
import type { KeptEntry } from '../ledger/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { sha256 } from '../util/sha256.ts'
import { oneLine, wordCaption } from './freezing/wording.ts'
import type { ImageForm } from './plain-image.ts'

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
  /** Perceptual hash, 64 bits in hexadecimal, and that of the mirrored image. */
  readonly hash: string
  readonly mirroredHash: string
  /** As it is trained with. */
  readonly caption: string
  /** Before the template worded it; views look at this. */
  readonly plainCaption: string
  /** Where the plain caption comes from. */
  readonly captionSource: KeptEntry['captionSource']
  /** What the plain caption was before, oldest first; empty when it is as it was found. */
  readonly earlierCaptions: KeptEntry['earlierCaptions']
  readonly licence: string
  readonly licenceUrl: string | null
  /** The part that it belongs to; null without splits, and outside of the view that is split. */
  readonly split: string | null
}

/** A part of a frozen set by its rule. */
export interface ViewRecord {
  readonly name: string
  readonly rule: string
  readonly images: number
}

/** A small set of a frozen set. */
export interface PickRecord {
  readonly name: string
  readonly rule: string
  readonly settings: PickSettings
  /** SHA-256 of the bytes that were fetched, in the order in which they were chosen. */
  readonly blobs: readonly string[]
}

/** How a set was split. */
export interface SplitsRecord {
  readonly settings: SplitSettings
  /** Groups of images that were kept together. */
  readonly groups: number
  readonly parts: readonly { readonly name: string; readonly share: number; readonly images: number }[]
}

/** What a frozen set is: its images in the order in which they were found, and its parts. No time, no place. */
export interface SetManifest {
  readonly version: 2
  readonly captions: CaptionWording
  readonly views: readonly ViewRecord[]
  readonly picks: readonly PickRecord[]
  /** Null without splits. */
  readonly splits: SplitsRecord | null
  readonly items: readonly SetItem[]
}

/** An address without the folders of this machine, which say nothing to others. */
export function shownAddress(url: string): string {
  return url.startsWith('file:') ? `file:${posix.basename(url)}` : url
}

/** An image as a set has it before it is split. */
export function itemOf(entry: KeptEntry, form: ImageForm, wording: CaptionWording): SetItem {
  const { blob, image, url, page, source, query, creator, attribution, licence, licenceUrl } = entry
  const plainCaption = oneLine(entry.caption)
  const extension = form === 'original' ? image.format : 'png'
  return {
    file: `images/${blob.slice(0, 20)}.${extension === 'jpeg' ? 'jpg' : extension}`,
    ...{ form, blob, width: image.width, height: image.height, hash: image.hash, mirroredHash: image.mirroredHash },
    caption: wordCaption(plainCaption, query, wording),
    plainCaption,
    captionSource: plainCaption === '' ? 'none' : entry.captionSource,
    earlierCaptions: entry.earlierCaptions,
    url: shownAddress(url),
    ...{ page, source, query, creator, attribution, licence, licenceUrl },
    split: null,
  }
}

/** The manifest as text, and the SHA-256 that names the set. */
export function manifestText(manifest: SetManifest): { readonly text: string; readonly sha256: string } {
  const text = `${canonicalJson(manifest)}\n`
  return { text, sha256: sha256(text) }
}
