import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { curate } from '../../src/curation/index.ts'

/** A file of a set, with what a list says of it. */
export interface GatheredRow {
  readonly name: string
  readonly bytes: Buffer
  readonly [fact: string]: unknown
}

/** A set in the making of files on this machine, below a folder of the test; gives the set's folder. */
export async function gatherSet(folder: string, rows: readonly GatheredRow[]): Promise<string> {
  await mkdir(join(folder, 'files'), { recursive: true })
  const lines = await Promise.all(
    rows.map(async ({ name, bytes, ...facts }) => {
      await writeFile(join(folder, 'files', name), bytes)
      return JSON.stringify({ query: 'hands', url: `file://${join(folder, 'files', name)}`, ...facts })
    }),
  )
  await writeFile(join(folder, 'list.jsonl'), lines.join('\n'))
  const set = join(folder, 'set')
  const queries = [...new Set(rows.map(({ query }) => String(query ?? 'hands')))]
  await curate({
    ...{ folder: set, queries, settings: { smallestSide: 32 } },
    sources: [{ type: 'list', file: join(folder, 'list.jsonl') }],
  })
  return set
}
