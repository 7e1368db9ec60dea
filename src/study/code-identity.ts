import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { contentId } from '../config/hash.ts'
import { packageRoot } from '../util/package-root.ts'
import { sha256 } from '../util/sha256.ts'
import type { Cell } from './cell.ts'

type Step = Cell['kind']

/** Module of the worker with which each step begins; a repair draws, and judges with that of the scores. */
const entries: Readonly<Record<Step, string>> = {
  train: 'jobs/train.py',
  sample: 'jobs/sample.py',
  repair: 'jobs/sample.py',
  score: 'jobs/classify.py',
  embed: 'jobs/embed.py',
}
/** How messages travel does not change what is computed. */
const withoutEffect = ['protocol/', 'server/']

/** SHA-256 of the worker's code of each step: of every file that its module imports, however far. */
export async function readCodeIdentity(): Promise<Record<Step, string>> {
  const identityOf = async (step: Step) => contentId(Object.fromEntries(await readCode(step)))
  return {
    train: await identityOf('train'),
    sample: await identityOf('sample'),
    score: await identityOf('score'),
    repair: contentId([await identityOf('sample'), await identityOf('score'), await readLoop()]),
    embed: await identityOf('embed'),
  }
}

/** What a repair does beside its jobs is done here: hash of every file of these folders, by path. */
async function readLoop(): Promise<Record<string, string>> {
  const root = join(packageRoot(), 'src')
  const hashes: Record<string, string> = {}
  for (const folder of ['hands', 'render', 'repair', 'weights/hand-landmarks'])
    for (const entry of await readdir(join(root, folder), { withFileTypes: true, recursive: true }))
      if (entry.isFile()) {
        const file = join(entry.parentPath, entry.name)
        hashes[relative(root, file)] = sha256(await readFile(file))
      }
  return hashes
}

/** Hash of every file of the worker that decides what a step computes, by path. */
export async function readCode(step: Step): Promise<Map<string, string>> {
  const worker = join(packageRoot(), 'python-worker', 'phalanx_worker')
  const code = new Map<string, string>()
  const seen = new Set<string>()
  const waiting = [entries[step]]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path) || withoutEffect.some((folder) => path?.startsWith(folder))) continue
    seen.add(path)
    const source = await readFile(join(worker, path), 'utf8').catch(() => null)
    if (source === null) continue
    code.set(path, sha256(source))
    waiting.push(...importedFiles(source), ...(await dynamicallyImportedFiles(source, worker)))
  }
  return code
}

/** Files that import lines may mean; a name may be a module, a package, or something inside one. */
function importedFiles(source: string): string[] {
  return [...source.matchAll(/from phalanx_worker\.?([\w.]*) import (?:\(([^)]*)\)|([\w, ]+))/g)].flatMap(
    ([, module, inBrackets, names]) => {
      const folder = (module ?? '').replaceAll('.', '/')
      const inside = (inBrackets ?? names ?? '').split(',').map((name) => `${folder}/${name.trim()}`)
      return [folder, ...inside].flatMap((path) => [`${path}.py`, `${path}/__init__.py`])
    },
  )
}

/** Every file of a package whose modules are imported by a name made at run time. */
async function dynamicallyImportedFiles(source: string, worker: string): Promise<string[]> {
  const files: string[] = []
  for (const [, module] of source.matchAll(/import_module\(f"phalanx_worker\.([\w.]+)\.\{/g)) {
    const folder = (module ?? '').replaceAll('.', '/')
    for (const name of await readdir(join(worker, folder))) if (name.endsWith('.py')) files.push(`${folder}/${name}`)
  }
  return files
}
