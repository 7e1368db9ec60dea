import { DatasetError } from '../errors/index.ts'

/** How a failure of the file system is told that is no full disk. */
export interface FolderTrouble {
  readonly code: string
  /** As in "cannot be written". */
  readonly words: string
}

/** Gives the file system's failures in a folder errors that say what to do: `disk-full`, or the code given. */
export async function inFolder<Result>(
  folder: string,
  trouble: FolderTrouble,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    const { code, message, syscall } = cause as NodeJS.ErrnoException
    if (syscall === undefined) throw cause
    const full = code === 'ENOSPC' || code === 'EDQUOT'
    throw new DatasetError({
      code: full ? 'disk-full' : trouble.code,
      message: full
        ? `The disk of ${folder} is full. Make room and run the same command again; nothing that was recorded is lost.`
        : `${folder} ${trouble.words} (${message}). Make it a folder that can be written, or name another one.`,
      facts: { path: folder, reason: code },
      cause,
    })
  }
}
