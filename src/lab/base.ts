import { stat } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { packageRoot } from '../util/package-root.ts'

/** Bases that come with the package, by name. */
const embedded = ['tiny-hands']
/** Families that this version cannot load. */
const later = ['sd-1.5', 'sd-2.1', 'sdxl-1.0']

/**
 * The folder that a base's name or path stands for.
 * Throws ConfigError (`unknown-base`, `unsupported-base`).
 */
export async function baseFolder(name: string): Promise<string> {
  if (embedded.includes(name)) return join(packageRoot(), 'src', 'weights', name)
  if (later.includes(name)) {
    throw unsupported(name, `This version does not load ${name} by name`)
  }
  const folder = absolute(name)
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory()) return folder
  if (found !== null) throw unsupported(name, `${name} is a file, and this version reads bases from folders only`)
  if (/^[\w-][\w.-]*\/[\w.-]+$/.test(name)) {
    throw unsupported(name, `There is no folder ${folder}, and this version does not fetch ${name} from a hub`)
  }
  const nearest = nearestName(name, [...embedded, ...later])
  throw new ConfigError({
    code: 'unknown-base',
    message: `There is no base "${name}" and no folder ${folder}. ${nearest === undefined ? `Name ${embedded.join(', ')} or a folder in the diffusers layout.` : `Did you mean "${nearest}"?`}`,
    facts: { name, folder, nearest: nearest ?? null, names: embedded },
  })
}

function unsupported(name: string, why: string): ConfigError {
  return new ConfigError({
    code: 'unsupported-base',
    message: `${why}. Name ${embedded.join(', ')}, or a folder with a Stable Diffusion 1 model in the diffusers layout.`,
    facts: { name, names: embedded },
  })
}
