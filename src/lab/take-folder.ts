import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { labFolders } from '../artefact/run-folder.ts'
import { ArtefactError } from '../errors/index.ts'
import { type FileLock, takeLock, waitForLock } from '../util/file-lock.ts'
import type { OpenLabOptions } from './open-options.ts'

/** Takes a lab's folder, which one process at a time has. Throws ArtefactError (`lab-in-use`, `folder-unusable`). */
export async function takeFolder(
  folder: string,
  { wait, signal, onProgress }: Pick<OpenLabOptions, 'wait' | 'signal' | 'onProgress'> = {},
): Promise<FileLock> {
  const path = join(folder, labFolders.lock)
  const taken = await mkdir(folder, { recursive: true })
    .then(() => takeLock(path))
    .catch((cause: unknown) => {
      throw new ArtefactError({
        code: 'folder-unusable',
        message: `The lab's folder ${folder} cannot be written to. Make it writable, or name another one: openLab({ folder: '…' }).`,
        facts: { folder },
        cause,
      })
    })
  if ('release' in taken) return taken
  const { pid, host } = taken
  if (wait) {
    const text = `The lab's folder ${folder} is in use by process ${pid} on ${host}; waiting until it is free`
    onProgress?.({ type: 'folder-wait', phase: 'folder', text })
    return waitForLock(path, { signal })
  }
  throw new ArtefactError({
    code: 'lab-in-use',
    message: `The lab's folder ${folder} is in use by process ${pid} on ${host}. Close that one, wait for it with openLab({ wait: true }), attach to its worker from a lab in another folder, or name another folder: openLab({ folder: '…' }).`,
    facts: { folder, pid, host },
  })
}
