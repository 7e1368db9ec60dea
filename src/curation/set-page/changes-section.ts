import { type Html, html } from '../../page/html.ts'
import type { SetChild } from '../freezing/set-difference.ts'
import { type Cell, table } from './table.ts'

/** Of each kind of change so many are listed; all are in `difference.json`. */
const listed = 200

/** What a set has otherwise than the one before it. */
export function changesSection({ parent, difference }: SetChild): Html {
  const { added, removed, captions, licences } = difference
  const sections = [
    changes(
      'added',
      ['file', 'from', 'caption'],
      added.map(({ file, url, caption }) => [file, url, caption]),
    ),
    changes(
      'taken out',
      ['from', 'reason', 'caption'],
      removed.map(({ url, reason, caption }) => [url, reason, caption]),
    ),
    changes(
      'with another caption',
      ['file', 'before', 'now'],
      captions.map(({ file, from, to }) => [file, from, to]),
    ),
    changes(
      'with another licence',
      ['file', 'before', 'now'],
      licences.map(({ file, from, to }) => [file, from, to]),
    ),
  ].filter((section) => section !== null)
  return html`<h2>Changes</h2>
<p class="soft">Since set ${parent}</p>
${sections.length === 0 ? html`<p>The images, captions and licences are the same.</p>` : sections}`
}

function changes(what: string, head: readonly string[], rows: readonly (readonly Cell[])[]): Html | null {
  if (rows.length === 0) return null
  const more = rows.length - listed
  return html`<details${rows.length <= 20 && html` open`}><summary>${rows.length} ${what}</summary>${table(head, rows.slice(0, listed))}${
    more > 0 && html`<p class="soft">and ${more} more, in difference.json</p>`
  }</details>
`
}
