import { availableParallelism } from 'node:os'
import type { FreezingSettings } from '../../config/freezing.ts'
import { canonicalJson } from '../../util/canonical-json.ts'
import { mapParallel } from '../../util/map-parallel.ts'
import type { SetItem, SetManifest, SplitsRecord } from '../manifest.ts'
import { type View, viewsOf } from '../views.ts'
import { type Likeness, meanColours } from './likeness.ts'
import { pick } from './picks.ts'
import { splitImages } from './splits.ts'

/** A part of a frozen set that is a dataset by its metadata file. */
export interface SetPart {
  readonly name: string
  /** Beside the images. */
  readonly file: string
  readonly items: readonly SetItem[]
}

/**
 * The manifest of a set: its items split, and its views and picks. Throws what `pick` throws.
 *
 * @param pathOf where an image's file is, to look at it
 */
export async function manifestOf(
  unsplit: readonly SetItem[],
  settings: FreezingSettings,
  pathOf: (blob: string) => string,
): Promise<SetManifest> {
  const views = viewsOf(settings.views)
  const { items, splits } = splitItems(unsplit, settings.splits, views)
  const likenesses = await likenessesOf(items, settings, views, pathOf)
  return {
    version: 2,
    captions: settings.captions,
    views: views.map((view) => ({ name: view.name, rule: view.rule, images: items.filter(view.holds).length })),
    picks: settings.picks.map((one) => pick(one, itemsOf(one.view, items, views), likenesses)),
    splits,
    items,
  }
}

/** All parts of a set, each in the order in which its images are held. */
export function partsOf({ items, picks, splits }: SetManifest, settings: FreezingSettings): SetPart[] {
  const byBlob = new Map(items.map((item) => [item.blob, item]))
  return [
    ...viewsOf(settings.views).map((view) => ({ name: view.name, file: view.file, items: items.filter(view.holds) })),
    ...picks.map(({ name, blobs }) => ({
      ...{ name, file: `${name}.jsonl` },
      items: blobs.flatMap((blob) => byBlob.get(blob) ?? []),
    })),
    ...(splits?.parts ?? []).map(({ name }) => ({
      ...{ name, file: `${name}.jsonl` },
      items: items.filter(({ split }) => split === name),
    })),
  ]
}

/** A part as a metadata file of Hugging Face's imagefolder layout. */
export function metadataText({ items }: SetPart): string {
  return items.map(({ file, caption }) => `${canonicalJson({ file_name: file, text: caption })}\n`).join('')
}

function splitItems(
  items: readonly SetItem[],
  settings: FreezingSettings['splits'],
  views: readonly View[],
): { readonly items: readonly SetItem[]; readonly splits: SplitsRecord | null } {
  if (settings === null) return { items, splits: null }
  const held = itemsOf(settings.view, items, views)
  const { parts, groups } = splitImages(held, settings)
  const splitOf = new Map(held.map(({ blob }, i) => [blob, parts[i] as string]))
  const counted = Object.entries(settings.shares).map(([name, share]) => ({
    ...{ name, share },
    images: parts.filter((other) => other === name).length,
  }))
  return {
    items: items.map((item) => ({ ...item, split: splitOf.get(item.blob) ?? null })),
    splits: { settings, groups: groups.length, parts: counted },
  }
}

/** Only what a pick compares is looked at. */
async function likenessesOf(
  items: readonly SetItem[],
  { picks }: FreezingSettings,
  views: readonly View[],
  pathOf: (blob: string) => string,
): Promise<Map<string, Likeness>> {
  const compared = new Set(
    picks.flatMap(({ strategy, view }) => (strategy === 'diverse' ? itemsOf(view, items, views) : [])),
  )
  const found = await mapParallel([...compared], availableParallelism(), async ({ blob, hash, mirroredHash }) => {
    return [blob, { hash, mirroredHash, colours: await meanColours(pathOf(blob)) }] as const
  })
  return new Map(found)
}

function itemsOf(name: string, items: readonly SetItem[], views: readonly View[]): SetItem[] {
  const view = views.find((one) => one.name === name)
  if (view === undefined) throw new RangeError(`there is no view ${name}`)
  return items.filter(view.holds)
}
