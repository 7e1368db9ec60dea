import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { contentId } from '../config/hash.ts'
import { packageRoot } from '../util/package-root.ts'
import { sha256 } from '../util/sha256.ts'
import type { Cell } from './cell.ts'

type Step = Cell['kind']

/**
 * Folders of the worker whose code cannot change what a step computes. Everything else counts: a result that is
 * computed once too often costs minutes, one that is stale costs trust.
 */
const withoutEffect: Readonly<Record<Step, readonly string[]>> = {
  train: ['server', 'protocol', 'features'],
  sample: ['server', 'protocol', 'features', 'training'],
  score: ['server', 'protocol', 'training', 'techniques', 'sampling'],
}

/** SHA-256 of the worker's source code by step. */
export async function readCodeIdentity(): Promise<Record<Step, string>> {
  const sources = await readSources(join(packageRoot(), 'python-worker', 'phalanx_worker'))
  const identityOf = (step: Step) => {
    const counted = Object.entries(sources).filter(
      ([path]) => !withoutEffect[step].includes(path.split('/')[0] as string),
    )
    return contentId(Object.fromEntries(counted))
  }
  return { train: identityOf('train'), sample: identityOf('sample'), score: identityOf('score') }
}

/** Hash of every Python file by its path with slashes. */
async function readSources(folder: string, prefix = ''): Promise<Record<string, string>> {
  const sources: Record<string, string> = {}
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) Object.assign(sources, await readSources(path, `${prefix}${entry.name}/`))
    else if (entry.name.endsWith('.py')) sources[`${prefix}${entry.name}`] = sha256(await readFile(path))
  }
  return sources
}
