import { access } from 'node:fs/promises'
import { resolve as absolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import { z } from 'zod'
import { ConfigError, LabError } from '../errors/index.ts'
import { defineStudy, type StudyDefinition, type StudyInput } from '../study/index.ts'

const module = z.looseObject({ default: z.looseObject({ default: z.looseObject({}).optional() }) })

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
  const loaded = module.safeParse(await importModule(file))
  if (!loaded.success) {
    throw new ConfigError({
      code: 'study-missing',
      message: `${file} exports no study. Write: export default defineStudy({ … }).`,
      facts: { file },
    })
  }
  // A file that is taken for CommonJS has its default export one level deeper.
  const found = loaded.data.default.default ?? loaded.data.default
  return defineStudy(found as StudyInput)
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
