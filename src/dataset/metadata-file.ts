import { readFile } from 'node:fs/promises'
import { isAbsolute, join, posix } from 'node:path'
import { z } from 'zod'
import { nearestName } from '../util/nearest-name.ts'
import { checkedCaption } from './caption-file.ts'
import type { DatasetProblem } from './problem.ts'

const metadataRow = z.object({
  file_name: z.string().min(1),
  text: z.string().default(''),
  fingers: z.int().min(0).max(10).nullable().default(null),
  defect: z.boolean().nullable().default(null),
  control: z.string().min(1).nullable().default(null),
  mask: z.string().min(1).nullable().default(null),
  repeats: z.int().min(1).max(100_000).default(1),
})
export type MetadataRow = z.output<typeof metadataRow>

/**
 * Reads a `metadata.jsonl` of Hugging Face's imagefolder layout: a JSON object per line with `file_name`, `text` and
 * the labels `fingers` and `defect`, `control`, the picture that controls the image, `mask`, and `repeats`. Other fields
 * are left alone, unless they look like one of these misspelt.
 */
export async function readMetadata(
  root: string,
  name: string,
): Promise<{ rows: MetadataRow[]; problems: DatasetProblem[] }> {
  const rows: MetadataRow[] = []
  const problems: DatasetProblem[] = []
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(join(root, name)))
  } catch (error) {
    const message = `cannot be read as UTF-8 (${(error as Error).message})`
    return { rows, problems: [{ file: name, code: 'metadata-invalid', message }] }
  }
  const seen = new Set<string>()
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const row = readRow(line)
    if (typeof row === 'string') {
      problems.push({ file: name, code: 'metadata-invalid', message: `line ${i + 1} ${row}` })
      continue
    }
    const file = posix.normalize(row.file_name)
    const caption = checkedCaption(file, row.text)
    const mask = row.mask === null ? null : posix.normalize(row.mask)
    const outside = [file, mask].find((path) => path !== null && isOutside(path))
    if (outside !== undefined) {
      problems.push({
        file: name,
        code: 'outside-folder',
        message: `line ${i + 1} names ${outside}, which lies outside of the folder; move the image into it`,
      })
    } else if (seen.has(file)) {
      problems.push({
        file: name,
        code: 'repeated-file',
        message: `line ${i + 1} names ${file} again; keep one line per image`,
      })
    } else if (typeof caption !== 'string') problems.push(caption)
    else rows.push({ ...row, file_name: file, text: caption, mask })
    seen.add(file)
  }
  return { rows, problems }
}

function isOutside(path: string): boolean {
  return isAbsolute(path) || path === '..' || path.startsWith('../')
}

/** A line, or what is wrong with it. */
function readRow(line: string): MetadataRow | string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'is not JSON'
  }
  const valid = Object.keys(metadataRow.shape)
  for (const key of Object.keys(value ?? {})) {
    const nearest = valid.includes(key) ? undefined : nearestName(key, valid)
    if (nearest !== undefined) return `has a field "${key}"; did you mean "${nearest}"?`
  }
  const row = metadataRow.safeParse(value)
  if (row.success) return row.data
  const [issue] = row.error.issues
  return `is not a row: ${issue?.path.join('.') || 'it'}: ${issue?.message}`
}
