/** One line of what `npm run bench` prints. */
export interface Row {
  readonly what: string
  readonly ours: string
  readonly peer: string
  readonly ratio: string
  readonly aim: string
}

const heads: Row = { what: 'what', ours: 'ours', peer: 'peer', ratio: 'ratio', aim: 'aim' }
const columns = ['what', 'ours', 'peer', 'ratio', 'aim'] as const

/** Rows under their heads, every column as wide as its widest cell. */
export function tableOf(rows: readonly Row[]): string {
  const all = [heads, ...rows]
  const widths = columns.map((column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row: Row): string => columns.map((column, place) => row[column].padEnd(widths[place] ?? 0)).join('  ')
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [line(heads), rule, ...rows.map(line)].map((text) => text.trimEnd()).join('\n')
}
