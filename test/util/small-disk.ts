import { execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { packageRoot } from '../../src/util/package-root.ts'

/** Whether this user may mount a small disk in a folder, in a namespace of its own. */
export function canMount(folder: string): boolean {
  try {
    execFileSync('unshare', ['-Urm', 'sh', '-c', `mount -t tmpfs -o size=64k small "${folder}"`], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

/**
 * Runs a TypeScript file with a disk of so many kilobytes as its first argument, and leaves a copy of what was on that
 * disk in `copy`: the disk is gone when its process has ended. Gives the standard output.
 */
export async function runOnSmallDisk(copy: string, kilobytes: number, script: string, ...words: string[]) {
  await mkdir(join(copy, 'disk'), { recursive: true })
  const steps = `copy=$1; node=$2; script=$3; shift 3
    mount -t tmpfs -o size=${kilobytes}k small "$copy/disk" || exit 9
    "$node" --import tsx "$script" "$copy/disk" "$@"; cp -r "$copy"/disk/. "$copy" 2>/dev/null; exit 0`
  const { stdout, exitCode } = await execa(
    'unshare',
    ['-Urm', 'sh', '-c', steps, 'sh', copy, process.execPath, script, ...words],
    { cwd: packageRoot(), reject: false },
  )
  if (exitCode !== 0) throw new Error(`the small disk could not be used (exit code ${exitCode})`)
  return stdout
}
