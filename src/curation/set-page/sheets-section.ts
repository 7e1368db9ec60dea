import { type Html, html } from '../../page/html.ts'
import type { SetPart } from '../freezing/parts.ts'
import type { SetItem } from '../manifest.ts'

/** Contact sheets: every image once, by the paper's two kinds, and each other part folded up. */
export function sheetsSection(items: readonly SetItem[], parts: readonly SetPart[]): Html {
  const [, photos, ...others] = parts
  const held = new Set(photos?.items)
  const drawn = items.filter((item) => !held.has(item))
  const folded = others.filter((part) => part.items.length > 0)
  return html`${openSheet('Photos', photos?.items ?? [])}
${openSheet('Called drawings', drawn)}
${folded.map(
  (
    part,
  ) => html`<details><summary>${part.name} <span class="soft">${part.items.length}</span></summary>${sheet(part.items)}</details>
`,
)}`
}

function openSheet(title: string, items: readonly SetItem[]): Html | null {
  if (items.length === 0) return null
  return html`<h2>${title} <span class="soft">${items.length}</span></h2>
${sheet(items)}`
}

function sheet(items: readonly SetItem[]): Html {
  return html`<div class="sheet">${items.map(
    (
      item,
    ) => html`<figure><img src="${item.file}" width="${item.width}" height="${item.height}" alt="${item.caption}" loading="lazy" decoding="async"><figcaption>${item.caption || html`<i>no caption</i>`}</figcaption></figure>
`,
  )}</div>`
}
