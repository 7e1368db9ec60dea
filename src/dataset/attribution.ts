import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { canonicalJson } from '../util/canonical-json.ts'

/** What stands beside the images of a frozen set: whose each is, and under which licence. */
export const attributionFile = 'attribution.jsonl'

/** A line of it, with whatever else is said of the image. */
export const attributionRow = z.looseObject({ file: z.string(), licence: z.string() })
export type Attribution = z.output<typeof attributionRow>

/** What is known of images by their files; nothing where no such file lies. Rejects with the file system's other errors. */
export async function readAttributions(root: string): Promise<Map<string, Attribution>> {
  const text = await readFile(join(root, attributionFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const rows = text.split('\n').flatMap((line) => attributionRow.safeParse(parsed(line)).data ?? [])
  return new Map(rows.map((row) => [row.file, row]))
}

/** The text of `attribution.jsonl`. */
export function attributionText(rows: readonly Attribution[]): string {
  return rows.map((row) => `${canonicalJson(row)}\n`).join('')
}

/** Whether a licence forbids derived works, which a trained model may be. */
export function forbidsDerivatives({ licence }: Pick<Attribution, 'licence'>): boolean {
  return /(?:^|[^a-z])nd(?:[^a-z]|$)|no[ -]?deriv/i.test(licence)
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
