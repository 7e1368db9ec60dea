import { constants } from 'node:fs'
import { access, mkdir, statfs } from 'node:fs/promises'
import { resolve as absolute, dirname } from 'node:path'
import { formatBytes } from '../../report/format.ts'
import { cacheFolder } from '../../util/cache-folder.ts'
import { type Check, missing, ok, problem } from './check.ts'

/** Bytes that a Python environment without CUDA takes, with room for a lab. */
const wantedBytes = 4e9

/** The running Node against the version that package.json asks for. */
export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return ok('node', version)
  return problem('node', version, 'Install Node 20.19 or newer.')
}

/** Whether environments can be kept in the cache folder. */
export async function checkCacheFolder(folder: string = cacheFolder()): Promise<Check> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return ok('cache folder', folder)
  } catch {
    return problem(
      'cache folder',
      `${folder} cannot be written to`,
      'Make it writable, or name another in PHALANX_CACHE.',
    )
  }
}

/** Free space where environments and where labs are kept. */
export async function checkDisk(folders: readonly string[] = [cacheFolder(), 'phalanx-lab']): Promise<Check> {
  const free = await Promise.all(folders.map((folder) => freeBytes(absolute(folder))))
  const least = Math.min(...free)
  const found = folders.map((folder, i) => `${formatBytes(free[i] ?? 0)} at ${absolute(folder)}`).join(', ')
  if (least >= wantedBytes) return ok('free disk', found)
  return problem('free disk', found, `Free up ${formatBytes(wantedBytes)}, or name another place in PHALANX_CACHE.`)
}

async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch (error) {
    if (dirname(folder) === folder) throw error
    return freeBytes(dirname(folder))
  }
}

const browsers = [
  process.env.PHALANX_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** A Chromium, which only the tests of the report need. */
export async function checkBrowser(candidates: readonly (string | undefined)[] = browsers): Promise<Check> {
  for (const path of candidates) {
    if (path === undefined) continue
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (there) return ok('browser', path)
  }
  return missing(
    'browser',
    'no Chromium or Chrome',
    'Only the tests of the report need one: install Chromium, or name it in PHALANX_CHROMIUM.',
  )
}
