import { pageDocument } from '../page/document.ts'
import { type Html, html } from '../page/html.ts'
import { pageTheme } from '../page/theme.ts'
import type { SetPart } from './freezing/parts.ts'
import type { SetItem, SetManifest } from './manifest.ts'

/** A reason of refusal with how many candidates it met and some of their addresses. */
export interface RefusalExamples {
  readonly reason: string
  readonly count: number
  readonly examples: readonly string[]
}

/** What the page shows beside the manifest. */
export interface SetPageFacts {
  readonly sha256: string
  readonly noDerivatives: number
  readonly refusals: readonly RefusalExamples[]
}

const mostWords = 60
const paperPhotos = 'photos'
const policy = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"

/**
 * `index.html` of a frozen set, for people: contact sheets by view, sizes, the words of captions, sources and licences,
 * and what was refused and why. It runs no script and asks nobody.
 */
export function setPage(
  { items, views, picks, splits }: SetManifest,
  parts: readonly SetPart[],
  facts: SetPageFacts,
): string {
  const photos = new Set(parts.find(({ name }) => name === paperPhotos)?.items)
  const body = html`<main>
<h1>${items.length} images</h1>
<p class="soft">Set ${facts.sha256}</p>
${table(
  ['view', 'images', 'rule'],
  views.map(({ name, images, rule }) => [name, images, rule]),
)}
${
  picks.length > 0 &&
  table(
    ['pick', 'images', 'rule'],
    picks.map(({ name, blobs, rule }) => [name, blobs.length, rule]),
  )
}
${
  splits !== null &&
  table(
    ['part', 'images', 'share'],
    splits.parts.map(({ name, images, share }) => [name, images, share]),
  )
}
${contactSheet(
  'Photos',
  items.filter((item) => photos.has(item)),
)}
${contactSheet(
  'Called drawings',
  items.filter((item) => !photos.has(item)),
)}
<h2>Sizes</h2>
${sizes(items)}
<h2>Words of captions</h2>
${captionWords(items)}
<h2>Sources and licences</h2>
${table(['source', 'licence', 'images'], counted(items.map(({ source, licence }) => [source, licence])))}
<h2>Left out</h2>
${leftOut(facts)}
</main>`
  return pageDocument({ title: `${items.length} images · Phalanx`, style: pageTheme + style, policy }, body)
}

function contactSheet(title: string, items: readonly SetItem[]): Html | null {
  if (items.length === 0) return null
  return html`<h2>${title}</h2>
<div class="sheet">${items.map(
    (
      item,
    ) => html`<figure><img src="${item.file}" width="${item.width}" height="${item.height}" alt="${item.caption}" loading="lazy" decoding="async"><figcaption>${item.caption || html`<i>no caption</i>`}</figcaption></figure>
`,
  )}</div>`
}

function sizes(items: readonly SetItem[]): Html {
  const sides = items.map(({ width, height }) => Math.min(width, height)).toSorted((a, b) => a - b)
  const shape = ({ width, height }: SetItem): string =>
    width * 10 > height * 11 ? 'wider than high' : height * 10 > width * 11 ? 'higher than wide' : 'about square'
  return html`<p>The shorter side has ${sides[0]} to ${sides.at(-1)} pixels, ${sides[Math.floor(sides.length / 2)]} in the middle.</p>
${table(['shape', 'images'], counted(items.map((item) => [shape(item)])))}`
}

function captionWords(items: readonly SetItem[]): Html {
  const words = items.flatMap(({ caption }) => [...new Set(caption.toLowerCase().match(/\p{L}[\p{L}\p{M}'’-]*/gu))])
  const without = items.filter(({ caption }) => caption === '').length
  const shown = counted(words.map((word) => [word])).slice(0, mostWords)
  return html`<p>${shown.map(([word, count]) => html`<span class="word">${word} <span class="soft">${count}</span></span> `)}</p>
<p>${without === 0 ? 'Every image has a caption.' : `Without a caption: ${without}.`}</p>`
}

function leftOut({ refusals, noDerivatives }: SetPageFacts): Html {
  const rows = refusals.map(({ reason, count, examples }) => [reason, count, examples.join('\n')])
  const forbidden = noDerivatives === 0 ? [] : [['licence forbids derived works', noDerivatives, '']]
  const all = [...forbidden, ...rows]
  return all.length === 0 ? html`<p>Nothing.</p>` : table(['reason', 'candidates', 'for example'], all)
}

type Cell = string | number

/** Distinct rows with how often each comes, the most frequent first. */
function counted(rows: readonly (readonly string[])[]): Cell[][] {
  const counts = new Map<string, { row: readonly string[]; count: number }>()
  for (const row of rows) {
    const key = row.join('\0')
    counts.set(key, { row, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  return [...counts]
    .toSorted(([a, one], [b, other]) => other.count - one.count || (a < b ? -1 : 1))
    .map(([, { row, count }]) => [...row, count])
}

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): Html {
  const cell = (value: Cell): Html =>
    typeof value === 'number' ? html`<td class="number">${value}</td>` : html`<td>${value}</td>`
  return html`<table><thead><tr>${head.map((name) => html`<th>${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${row.map(cell)}</tr>
`,
  )}</tbody></table>`
}

const style = `
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.5 var(--serif); }
main { max-width: 1200px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1, h2 { font-weight: 400; line-height: 1.2; } h1 { font-size: 2.2rem; margin: 0; } h2 { margin: 3rem 0 .75rem; }
.soft { color: var(--soft); overflow-wrap: anywhere; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; content-visibility: auto; contain-intrinsic-size: 150px 190px; }
img { display: block; width: 100%; height: 150px; object-fit: contain; background: var(--rule); }
figcaption { font-size: .8rem; line-height: 1.35; color: var(--soft); overflow: hidden; display: -webkit-box;
  -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--rule);
  white-space: pre-line; overflow-wrap: anywhere; }
th { font-weight: 400; color: var(--soft); }
.number, th:has(+ .number) { font-variant-numeric: tabular-nums; }
.word { white-space: nowrap; margin-right: .6rem; }
`
