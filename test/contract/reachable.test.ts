import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readImports } from './imports.ts'
import { readTree, root, type TextFile } from './tree.ts'

describe('source files', () => {
  const sources = readTree(['src', 'experiments'], ['.ts'])

  it('can each be reached from a door of the package, a script or an experiment', () => {
    expect(unreached(sources, doors(sources))).toEqual([])
  })

  it('are caught when nothing imports them', () => {
    const lone = { path: 'src/util/lone.ts', text: '' }
    expect(unreached([...sources, lone], doors(sources))).toContain(lone.path)
  })
})

/** What package.json exports or runs, and every `main.ts` and study of an experiment. */
function doors(sources: readonly TextFile[]): string[] {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8')
  const named = [...manifest.matchAll(/\b(?:src|experiments)\/[\w/-]+\.ts/g)].map(([path]) => path)
  const experiments = sources.map(({ path }) => path).filter((path) => /^experiments\/[\w-]+\/[\w-]+\.ts$/.test(path))
  return [...named, ...experiments.filter((path) => isDoor(path, sources))]
}

/** An experiment's file that no other file of it imports is one that a person runs. */
function isDoor(path: string, sources: readonly TextFile[]): boolean {
  return !sources.some((other) => other.path !== path && readImports(other).files.includes(path))
}

function unreached(files: readonly TextFile[], from: readonly string[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const reached = new Set<string>()
  const waiting = [...from]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = byPath.get(path)
    if (file === undefined || reached.has(path)) continue
    reached.add(path)
    const { files: own, packages } = readImports(file)
    waiting.push(...own)
    if (packages.includes('phalanx')) waiting.push('src/index.ts')
  }
  return files.map(({ path }) => path).filter((path) => path.startsWith('src/') && !reached.has(path))
}
