import { basename } from 'node:path'
import { type Candidate, candidate } from '../ledger/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { sha256File } from '../util/sha256-file.ts'
import { checkLimit, type ImageSource, type SearchOptions } from './image-source.ts'
import { invalidList, type ListRow, readRows } from './list-rows.ts'

const captionColumns = [
  ['caption', 'list'],
  ['text', 'list'],
  ['alt', 'alt'],
  ['title', 'title'],
  ['description', 'description'],
  ['tags', 'tags'],
] as const
const columns = [
  'url',
  'query',
  'page',
  'creator',
  'licence',
  'license',
  'licence_url',
  'license_url',
  'attribution',
  'width',
  'height',
  ...captionColumns.map(([name]) => name),
]

/**
 * A list of addresses with what is known of each: `url` and, where there are, `query`, `page`, `creator`, `licence`,
 * `licence_url`, `attribution`, `width`, `height`, and the caption in the first of `caption`, `text`, `alt`, `title`,
 * `description` and `tags` that says something. Names of columns are read in any case; other columns are left alone,
 * unless they look like one of these misspelt. With a column `query` a search gives the rows of its query, without one
 * the list is taken whole. Throws DatasetError (`invalid-list` with each wrong line, and those of `readRows`).
 */
export async function listSource(file: string): Promise<ImageSource> {
  const name = `list:${basename(file)}`
  const rows = await readRows(file)
  const checked = checkRows(file, rows)
  const takesQueries = checked.some(({ query }) => query !== '')
  return {
    name: `${name}@${(await sha256File(file)).slice(0, 12)}`,
    takesQueries,
    ends: null,
    async *search(query: string, options: SearchOptions): AsyncGenerator<Candidate> {
      const found = takesQueries ? checked.filter((row) => row.query === query.trim()) : checked
      for (const [i, { facts }] of found.slice(0, checkLimit(options)).entries()) {
        options.signal.throwIfAborted()
        yield { ...facts, rank: i + 1 }
      }
    },
  }
}

interface CheckedRow {
  readonly query: string
  readonly facts: Candidate
}

function checkRows(file: string, rows: readonly ListRow[]): CheckedRow[] {
  const problems: { line: number | null; text: string }[] = [...misspelt(rows[0])]
  const checked: CheckedRow[] = []
  for (const { line, values } of problems.length > 0 ? [] : rows) {
    const row = checkRow(values)
    if (typeof row === 'string') problems.push({ line, text: row })
    else checked.push(row)
  }
  if (rows.length === 0) problems.push({ line: null, text: 'it holds no row' })
  if (problems.length > 0) throw invalidList(file, problems)
  return checked
}

/** A list without addresses, or with a name that is nearly one that is read. */
function* misspelt(first: ListRow | undefined) {
  const names = Object.keys(first?.values ?? {}).map((name) => name.toLowerCase())
  for (const name of names) {
    const nearest = columns.includes(name) ? undefined : nearestName(name, columns)
    if (nearest !== undefined && !names.includes(nearest))
      yield { line: null, text: `there is a column "${name}"; did you mean "${nearest}"?` }
  }
}

/** A row, or what is wrong with it. */
function checkRow(values: Readonly<Record<string, unknown>>): CheckedRow | string {
  const row = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), textOf(value)]))
  const value = (...names: string[]): string | null => names.map((name) => row.get(name)).find(Boolean) ?? null
  const [column, captionSource] = captionColumns.find(([name]) => value(name) !== null) ?? [null, 'none' as const]
  const size = (name: string): number | null => (value(name) === null ? null : Number(value(name)))
  const facts = candidate.safeParse({
    rank: 1,
    url: value('url') ?? undefined,
    page: value('page'),
    creator: value('creator'),
    licence: value('licence', 'license')?.toLowerCase() ?? 'unknown',
    licenceUrl: value('licence_url', 'license_url'),
    attribution: value('attribution'),
    caption: column === null ? '' : value(column),
    captionSource,
    width: size('width'),
    height: size('height'),
  })
  if (facts.success) return { query: value('query') ?? '', facts: facts.data }
  const [issue] = facts.error.issues
  const where = String(issue?.path[0] ?? 'it')
  return where === 'url' && value('url') === null ? 'has no url' : `${where}: ${issue?.message}`
}

function textOf(value: unknown): string | null {
  const text = value === null || value === undefined ? '' : String(value).trim()
  return text === '' ? null : text
}
