import { posix } from 'node:path'
import ts from 'typescript'
import type { TextFile } from './tree.ts'

/** What a TypeScript file imports: paths from the repository's root for its own, names for packages. */
export interface Imports {
  readonly files: readonly string[]
  readonly packages: readonly string[]
}

/** Static and dynamic imports, those of types included. */
export function readImports({ path, text }: TextFile): Imports {
  const names = ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName)
  const isOwn = (name: string): boolean => name.startsWith('.')
  return {
    files: names.filter(isOwn).map((name) => posix.join(posix.dirname(path), name)),
    packages: names.filter((name) => !isOwn(name)),
  }
}
