import { stat } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { ConfigError } from '../errors/index.ts'
import { bases, type FetchProgress, fetchModel, parseModelId, publishedBases } from '../hub/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { packageRoot } from '../util/package-root.ts'

/** Bases that come with the package, by name. */
const embedded = ['tiny-hands']

/** ControlNets that come with the package, by the base that they are for: they read depth. */
export const embeddedControls: Readonly<Record<string, string>> = { 'tiny-hands': 'tiny-hands-depth' }

/** How a base that must be fetched is waited for. */
export interface BaseCall {
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The folder, or the single-file checkpoint, that a base's name, path or hub id stands for; what a hub has is fetched
 * on first use. Any file is the worker's to judge, by its content.
 * Throws ConfigError (`unknown-base`, `unsupported-base`) and as `fetchModel`.
 */
export async function baseFolder(name: string, call: BaseCall = {}): Promise<string> {
  if (embedded.includes(name)) return join(packageRoot(), 'src', 'weights', name)
  const folder = absolute(name)
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory() || found?.isFile()) return folder
  if (found !== null) {
    throw new ConfigError({
      code: 'unsupported-base',
      message: `${name} is neither a file nor a folder. Name ${embedded.join(', ')}, a folder with a Stable Diffusion in the diffusers layout, a .safetensors checkpoint, or a hub id.`,
      facts: { name, names: embedded },
    })
  }
  const model = parseModelId(name)
  if (model !== null) return fetchModel(model, bases, call)
  const names = [...embedded, ...Object.keys(publishedBases)]
  const nearest = nearestName(name, names)
  throw new ConfigError({
    code: 'unknown-base',
    message: `There is no base "${name}" and no file or folder ${folder}. ${nearest === undefined ? `Name ${names.join(', ')}, a folder in the diffusers layout, a .safetensors checkpoint, or a hub id like owner/name@revision.` : `Did you mean "${nearest}"?`}`,
    facts: { name, folder, nearest: nearest ?? null, names },
  })
}

/** The path that a ControlNet's name or path stands for. */
export function controlNetPath(name: string): string {
  return Object.values(embeddedControls).includes(name) ? join(packageRoot(), 'src', 'weights', name) : name
}
