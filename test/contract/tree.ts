import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A text file of the repository. */
export interface TextFile {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly text: string
}

const leftOut = new Set(['node_modules', 'dist', '__pycache__', 'phalanx-lab'])

/** Files below some paths of the repository whose names end in one of `endings`; caches and builds are left out. */
export function readTree(paths: readonly string[], endings: readonly string[]): TextFile[] {
  return paths
    .flatMap((path) => walk(path))
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function walk(path: string): string[] {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const child = path === '.' ? entry.name : `${path}/${entry.name}`
    if (leftOut.has(entry.name) || (entry.name.startsWith('.') && entry.name !== '.ci')) return []
    return entry.isDirectory() ? walk(child) : [child]
  })
}
