import { readFile, stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { CsvError, parse } from 'csv-parse/sync'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { DatasetError } from '../errors/index.ts'

/** A row of a list, and the line it begins on (for Parquet its number from 1). */
export interface ListRow {
  readonly line: number
  readonly values: Readonly<Record<string, unknown>>
}

const mostRows = 1_000_000
const largestText = 256 * 1024 * 1024

/**
 * The rows of a `.csv`, `.tsv`, `.jsonl` or `.parquet` file; the first two begin with a line of names.
 * Throws DatasetError (`missing-list`, `unsupported-list`, `list-too-large`, `invalid-list`).
 */
export async function readRows(file: string): Promise<ListRow[]> {
  const read = readers[extname(file).toLowerCase()]
  if (read === undefined) throw unsupported(file)
  const { size } = await stat(file).catch((cause: unknown) => {
    throw new DatasetError({
      code: 'missing-list',
      message: `${resolve(file)} cannot be read. Name a CSV, JSONL or Parquet file with a column "url".`,
      facts: { file },
      cause,
    })
  })
  try {
    return await read(file, size)
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause
    const line = cause instanceof CsvError ? Number((cause as { lines?: number }).lines) : null
    throw invalidList(file, [{ line, text: (cause as Error).message }], cause)
  }
}

type Reader = (file: string, size: number) => Promise<ListRow[]>

const readers: Readonly<Record<string, Reader>> = {
  '.csv': readSeparated(','),
  '.tsv': readSeparated('\t'),
  '.jsonl': readJsonLines,
  '.parquet': readParquet,
}

function readSeparated(delimiter: string): Reader {
  return async (file, size) => {
    const rows = parse(await readText(file, size), { delimiter, bom: true, columns: true, info: true, trim: true })
    // The type of the library does not tell of `info`.
    const told = rows as unknown as readonly { readonly record: Record<string, string>; info: { lines: number } }[]
    if (told.length > mostRows) throw tooLarge(file, `${told.length} rows`)
    return told.map(({ record, info }) => ({ line: info.lines, values: record }))
  }
}

async function readJsonLines(file: string, size: number): Promise<ListRow[]> {
  const lines = (await readText(file, size)).split('\n')
  if (lines.length > mostRows) throw tooLarge(file, `${lines.length} rows`)
  const problems: { line: number; text: string }[] = []
  const rows = lines.flatMap((text, i) => {
    if (text.trim() === '') return []
    const values = objectOf(text)
    if (values !== null) return [{ line: i + 1, values }]
    problems.push({ line: i + 1, text: 'is no JSON object' })
    return []
  })
  if (problems.length > 0) throw invalidList(file, problems)
  return rows
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** Only columns that hold single values are read: lists and structures are no facts of a candidate. */
async function readParquet(path: string): Promise<ListRow[]> {
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file)
  const count = Number(metadata.num_rows)
  if (count > mostRows) throw tooLarge(path, `${count} rows`)
  const columns = parquetSchema(metadata)
    .children.filter(({ children }) => children.length === 0)
    .map(({ element }) => element.name)
  const rows = await parquetReadObjects({ file, metadata, columns, compressors })
  return rows.map((values, i) => ({ line: i + 1, values }))
}

async function readText(file: string, size: number): Promise<string> {
  if (size > largestText) throw tooLarge(file, `${Math.round(size / 2 ** 20)} MB`)
  const bytes = await readFile(file)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalidList(file, [{ line: null, text: 'it is not valid UTF-8; save it as UTF-8' }], cause)
  }
}

/** What is wrong with lines of a list, as one error. */
export function invalidList(
  file: string,
  problems: readonly { readonly line: number | null; readonly text: string }[],
  cause?: unknown,
): DatasetError {
  const shown = problems.slice(0, 20).map(({ line, text }) => `- ${line === null ? '' : `line ${line}: `}${text}`)
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`)
  return new DatasetError({
    code: 'invalid-list',
    message: `${resolve(file)} cannot be used as a list of images. Correct or remove these lines:\n${shown.join('\n')}`,
    facts: { file, count: problems.length, problems: problems.slice(0, 1000) },
    cause,
  })
}

function tooLarge(file: string, size: string): DatasetError {
  return new DatasetError({
    code: 'list-too-large',
    message: `${resolve(file)} has ${size}; at most ${mostRows} rows and ${largestText / 2 ** 20} MB of text are read. Split it.`,
    facts: { file, size },
  })
}

function unsupported(file: string): DatasetError {
  return new DatasetError({
    code: 'unsupported-list',
    message: `${resolve(file)} is of a type that is not read. Convert it to ${Object.keys(readers).join(', ')}.`,
    facts: { file },
  })
}
