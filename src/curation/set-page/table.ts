import { type Html, html } from '../../page/html.ts'

export type Cell = string | number | Html

/** Numbers stand to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): Html {
  const cell = (value: Cell): Html =>
    typeof value === 'number' ? html`<td class="number">${value}</td>` : html`<td>${value}</td>`
  const isNumber = (column: number) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number')
  return html`<table><thead><tr>${head.map((name, i) => html`<th${isNumber(i) && html` class="number"`}>${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${row.map(cell)}</tr>
`,
  )}</tbody></table>`
}

/** A table of counts, each with a bar that is as long as its share of the largest. */
export function barTable(head: string, rows: readonly (readonly [name: string, count: number])[]): Html {
  const most = Math.max(1, ...rows.map(([, count]) => count))
  const bar = (count: number): Html =>
    html`<span class="bar" style="width: ${((100 * count) / most).toFixed(1)}%"></span>`
  return html`<table class="bars"><thead><tr><th>${head}</th><th class="number">images</th><th></th></tr></thead>
<tbody>${rows.map(
    ([name, count]) => html`<tr><td>${name}</td><td class="number">${count}</td><td>${bar(count)}</td></tr>
`,
  )}</tbody></table>`
}

/** Distinct rows with how often each comes, the most frequent first. */
export function counted(rows: readonly (readonly string[])[]): (string | number)[][] {
  const counts = new Map<string, { row: readonly string[]; count: number }>()
  for (const row of rows) {
    const key = row.join('\0')
    counts.set(key, { row, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  return [...counts]
    .toSorted(([a, one], [b, other]) => other.count - one.count || (a < b ? -1 : 1))
    .map(([, { row, count }]) => [...row, count])
}
