import { access } from 'node:fs/promises'
import { resolve as absolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import { ConfigError, LabError } from '../errors/index.ts'
import { defineStudy, type StudyDefinition, type StudyInput } from '../study/index.ts'

/**
 * Loads a study file: a TypeScript or JavaScript module whose default export is what `defineStudy` gave.
 * Throws ConfigError (`study-not-found`, `study-unreadable`, `study-missing`, or what is wrong with the study).
 */
export async function loadStudy(path: string): Promise<StudyDefinition> {
  const file = absolute(path)
  await access(file).catch((cause) => {
    throw new ConfigError({
      code: 'study-not-found',
      message: `There is no file ${file}. Name the TypeScript file that exports the study.`,
      facts: { file },
      cause,
    })
  })
  const study = defaultExport(await importModule(file))
  if (study !== null) return defineStudy(study as StudyInput)
  throw new ConfigError({
    code: 'study-missing',
    message: `${file} exports no study. Write: export default defineStudy({ … }).`,
    facts: { file },
  })
}

async function importModule(file: string): Promise<unknown> {
  try {
    return await tsImport(pathToFileURL(file).href, import.meta.url)
  } catch (cause) {
    if (LabError.isInstance(cause)) throw cause
    throw new ConfigError({
      code: 'study-unreadable',
      message: `${file} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}. Correct it and run again.`,
      facts: { file },
      cause,
    })
  }
}

/** The object that a module exports by default; one that was taken for CommonJS has it a level deeper, and a mark. */
function defaultExport(module: unknown): object | null {
  const exported = property(module, 'default')
  const found = property(exported, '__esModule') ? property(exported, 'default') : exported
  return typeof found === 'object' ? found : null
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? value[name as keyof typeof value] : undefined
}
