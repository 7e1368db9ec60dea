import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WorkerError } from '../errors/index.ts'
import { sweepRuntimeFolders } from './sweep-runtime-folders.ts'

/** Longest path of a Unix socket on Linux; macOS allows 103. */
const longestSocketPath = process.platform === 'darwin' ? 103 : 107
const longestName = 'phalanx-XXXXXX/control'.length

/**
 * Makes a private folder (mode 0700) for sockets and captured output. Without `parent` it lies in the system's
 * temporary folder, or in a shorter one when paths in there would be too long for a socket. Folders that killed workers
 * left in there are removed.
 * Throws WorkerError (`socket-path-too-long`, `runtime-folder-unusable`).
 */
export async function makeRuntimeFolder(parent: string | undefined): Promise<string> {
  const candidates = parent === undefined ? [tmpdir(), process.env.XDG_RUNTIME_DIR ?? '/tmp', '/tmp'] : [parent]
  const fitting = candidates.find((path) => Buffer.byteLength(path) + 1 + longestName <= longestSocketPath)
  if (fitting === undefined) {
    throw new WorkerError({
      code: 'socket-path-too-long',
      message: `A socket in ${candidates[0]} would have a path of more than ${longestSocketPath} bytes, the system's limit. Choose a runtime folder with a shorter path.`,
      facts: { folder: candidates[0], longestSocketPath },
    })
  }
  await sweepRuntimeFolders(fitting)
  try {
    return await mkdtemp(join(fitting, 'phalanx-'))
  } catch (cause) {
    throw new WorkerError({
      code: 'runtime-folder-unusable',
      message: `No folder can be made in ${fitting}. Make it exist and writable, or choose another runtime folder.`,
      facts: { folder: fitting },
      cause,
    })
  }
}
