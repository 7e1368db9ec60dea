import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** What decides where caches lie; the running process by default. */
export interface CacheSurroundings {
  readonly platform: NodeJS.Platform
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly home: string
}

/**
 * Folder for what can be made anew: PHALANX_CACHE, else `phalanx` in the system's place for caches (XDG_CACHE_HOME or
 * ~/.cache, ~/Library/Caches, LOCALAPPDATA). It need not exist yet.
 */
export function cacheFolder(
  { platform, variables, home }: CacheSurroundings = {
    platform: process.platform,
    variables: process.env,
    home: homedir(),
  },
): string {
  if (variables.PHALANX_CACHE) return resolve(variables.PHALANX_CACHE)
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'phalanx')
  if (platform === 'win32') return join(variables.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'phalanx', 'cache')
  // The specification has relative paths ignored.
  const xdg = variables.XDG_CACHE_HOME
  return join(xdg?.startsWith('/') ? xdg : join(home, '.cache'), 'phalanx')
}
