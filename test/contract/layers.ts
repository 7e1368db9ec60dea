import { readImports } from './imports.ts'
import type { TextFile } from './tree.ts'

/** Which folder may import which; every folder may import itself. */
export type Layers = Readonly<Record<string, readonly string[]>>

/** Imports of TypeScript sources that their folder may not have, in words. Files directly in `src` may import all. */
export function brokenLayers(files: readonly TextFile[], layers: Layers): string[] {
  return files.flatMap((file) => {
    const from = folderOf(file.path, 'src/')
    if (from === null) return []
    const allowed = layers[from]
    if (allowed === undefined) return [`${file.path}: layers.json lacks the folder ${from}`]
    return readImports(file).files.flatMap((target) => {
      const to = folderOf(target, 'src/')
      return to === from || (to !== null && allowed.includes(to)) ? [] : [`${file.path} imports ${target}`]
    })
  })
}

/** Imports of a package outside of the folders that may have it. */
export function strayPackages(files: readonly TextFile[], packages: Layers): string[] {
  return files.flatMap((file) =>
    readImports(file).packages.flatMap((name) => {
      const allowed = packages[name]
      return allowed === undefined || allowed.includes(folderOf(file.path, 'src/') ?? '')
        ? []
        : [`${file.path} imports ${name}`]
    }),
  )
}

export interface PythonLayers {
  readonly imports: Layers
  readonly packages: Layers
}

const pythonRoot = 'python-worker/phalanx_worker/'

/** The same for the worker, where a module named in a string (a late import) counts too. */
export function brokenPythonLayers(files: readonly TextFile[], { imports, packages }: PythonLayers): string[] {
  return files.flatMap(({ path, text }) => {
    const from = folderOf(path, pythonRoot) ?? path.slice(pythonRoot.length, -'.py'.length)
    const allowed = imports[from]
    if (allowed === undefined) return [`${path}: layers.json lacks ${from}`]
    const own = [...text.matchAll(/\bphalanx_worker\.(\w+)/g)].map(([, to]) => to as string)
    const brought = [...text.matchAll(/^\s*(?:from|import) (\w+)/gm)].map(([, name]) => name as string)
    return [
      ...own.filter((to) => to !== from && !allowed.includes(to)).map((to) => `${path} imports phalanx_worker.${to}`),
      ...brought
        .filter((name) => packages[name] !== undefined && !packages[name].includes(from))
        .map((name) => `${path} imports ${name}`),
    ]
  })
}

/** The folder below `prefix` that a path is in; null directly in it and outside of it. */
function folderOf(path: string, prefix: string): string | null {
  const [folder, ...rest] = path.startsWith(prefix) ? path.slice(prefix.length).split('/') : []
  return folder === undefined || rest.length === 0 ? null : folder
}
