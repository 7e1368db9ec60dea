import { stat } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { packageRoot } from '../util/package-root.ts'

/** Bases that come with the package, by name. */
const embedded = ['tiny-hands']
/** Published bases that this version does not fetch. */
const later = ['sd-1.5', 'sd-2.1', 'sdxl-1.0']

/**
 * The folder, or the single-file checkpoint, that a base's name or path stands for. Any file is the worker's to judge,
 * by its content. Throws ConfigError (`unknown-base`, `unsupported-base`).
 */
export async function baseFolder(name: string): Promise<string> {
  if (embedded.includes(name)) return join(packageRoot(), 'src', 'weights', name)
  if (later.includes(name)) {
    throw unsupported(name, `This version does not load ${name} by name`)
  }
  const folder = absolute(name)
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory() || found?.isFile()) return folder
  if (found !== null) throw unsupported(name, `${name} is neither a file nor a folder`)
  if (/^[\w-][\w.-]*\/[\w.-]+$/.test(name)) {
    throw unsupported(name, `There is no folder ${folder}, and this version does not fetch ${name} from a hub`)
  }
  const nearest = nearestName(name, [...embedded, ...later])
  throw new ConfigError({
    code: 'unknown-base',
    message: `There is no base "${name}" and no file or folder ${folder}. ${nearest === undefined ? `Name ${embedded.join(', ')}, a folder in the diffusers layout or a .safetensors checkpoint.` : `Did you mean "${nearest}"?`}`,
    facts: { name, folder, nearest: nearest ?? null, names: embedded },
  })
}

function unsupported(name: string, why: string): ConfigError {
  return new ConfigError({
    code: 'unsupported-base',
    message: `${why}. Name ${embedded.join(', ')}, a folder with a Stable Diffusion in the diffusers layout, or a .safetensors checkpoint.`,
    facts: { name, names: embedded },
  })
}
