import { pageDocument } from '../../page/document.ts'
import { html } from '../../page/html.ts'
import { pageTheme } from '../../page/theme.ts'
import type { SetPart } from '../freezing/parts.ts'
import type { SetChild } from '../freezing/set-difference.ts'
import type { SetManifest } from '../manifest.ts'
import { captionsSection } from './captions-section.ts'
import { changesSection } from './changes-section.ts'
import { leftOutSection, type RefusalExamples } from './left-out-section.ts'
import { sheetsSection } from './sheets-section.ts'
import { sizesSection } from './sizes-section.ts'
import { setPageStyle } from './style.ts'
import { counted, table } from './table.ts'

/** What the page shows beside the manifest. */
export interface SetPageFacts {
  readonly sha256: string
  readonly noDerivatives: number
  readonly refusals: readonly RefusalExamples[]
  /** Null for a set that is the first one. */
  readonly child: SetChild | null
}

const policy = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"

/**
 * `index.html` of a frozen set, for people: its parts and what changed, contact sheets, sizes as they are trained at,
 * captions, sources and licences, and what was left out and why. It runs no script and asks nobody.
 */
export function setPage(manifest: SetManifest, parts: readonly SetPart[], facts: SetPageFacts): string {
  const { items } = manifest
  const body = html`<main>
<h1>${items.length} images</h1>
<p class="soft">Set ${facts.sha256}</p>
${partsTable(manifest, parts)}
${facts.child !== null && changesSection(facts.child)}
${sheetsSection(items, parts)}
<h2>Sizes</h2>
${sizesSection(items)}
<h2>Captions</h2>
${captionsSection(manifest)}
<h2>Sources and licences</h2>
${table(['source', 'licence', 'images'], counted(items.map(({ source, licence }) => [source, licence])))}
<h2>Left out</h2>
${leftOutSection(facts)}
</main>`
  return pageDocument({ title: `${items.length} images · Phalanx`, style: pageTheme + setPageStyle, policy }, body)
}

/** Every part with how it came about. */
function partsTable({ views, picks, splits }: SetManifest, parts: readonly SetPart[]) {
  const named = (name: string) => {
    const part = parts.find((one) => one.name === name)
    const file = part === undefined || part.items.length === 0 ? 'no image, no file' : part.file
    return html`<span class="part">${name}<br><span class="soft">${file}</span></span>`
  }
  const rows = [
    ...views.map(({ name, images, rule }) => [named(name), images, rule]),
    ...picks.map(({ name, blobs, rule }) => [named(name), blobs.length, rule]),
    ...(splits?.parts ?? []).map(({ name, images, share }) => [
      ...[named(name), images],
      `${Math.round(1000 * share) / 10} % of ${splits?.settings.view}, in ${splits?.groups} groups that stay together`,
    ]),
  ]
  return table(['part', 'images', 'rule'], rows)
}
