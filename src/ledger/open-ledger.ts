import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DatasetError } from '../errors/index.ts'
import { type FileLock, type LockOwner, takeLock, waitForLock } from '../util/file-lock.ts'
import { inFolder } from '../util/in-folder.ts'
import { LedgerDatabase } from './database.ts'
import { Ledger } from './ledger.ts'

export interface OpenLedgerOptions {
  /** Waits until no other process has the ledger open, where it would be refused. False by default. */
  readonly wait?: boolean
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined
  /** Called once when somebody else has it open. */
  readonly onWait?: (owner: LockOwner) => void
}

/**
 * Opens the ledger of a set's folder, `ledger.sqlite`, and makes both where they do not exist. One process at a time
 * has it; what a killed one left is taken over at once.
 * Throws DatasetError (`ledger-in-use`, `not-a-ledger`, `newer-ledger`, `disk-full`, `ledger-failed`), or the
 * signal's reason.
 */
export async function openLedger(
  folder: string,
  { wait = false, signal, onWait = () => undefined }: OpenLedgerOptions = {},
): Promise<Ledger> {
  const root = resolve(folder)
  const lockFolder = join(root, 'ledger.lock')
  // The code that the ledger itself has for the file system's failures.
  const trouble = { code: 'ledger-failed', words: 'cannot be used' }
  const lock = await inFolder(root, trouble, async () => {
    await mkdir(root, { recursive: true })
    return wait ? waitForLock(lockFolder, { signal, onWait }) : freeLock(root, lockFolder)
  })
  try {
    return new Ledger(new LedgerDatabase(join(root, 'ledger.sqlite')), lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function freeLock(root: string, lockFolder: string): Promise<FileLock> {
  const lock = await takeLock(lockFolder)
  if ('release' in lock) return lock
  throw new DatasetError({
    code: 'ledger-in-use',
    message: `${root} is in use by process ${lock.pid} on ${lock.host}. Wait until it has ended, or end it.`,
    facts: { folder: root, ...lock },
  })
}
