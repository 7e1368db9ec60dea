import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { processStart } from './process-start.ts'

const owner = z.strictObject({
  pid: z.int(),
  started: z.string(),
  host: z.string(),
})

/** Who holds a lock. */
export type LockOwner = z.output<typeof owner>

/** A held lock. */
export interface FileLock extends AsyncDisposable {
  release(): Promise<void>
}

const attempts = 12

/**
 * Takes a lock that one process on this machine holds at a time, or gives its owner. What a process left that was
 * killed does not count: an owner is known by its number and the time it started.
 *
 * `folder` holds one file per claim. Every contender writes its claim before it looks for others, so of two at the
 * same time at least one sees the other and steps back; nobody ever removes the claim of a process that lives.
 * A claim from another host is taken to be held.
 */
export async function takeLock(folder: string): Promise<FileLock | LockOwner> {
  await mkdir(folder, { recursive: true })
  let other: LockOwner | null = null
  for (let attempt = 0; attempt < attempts; attempt++) {
    // Two that met and stepped back try again at different times.
    if (attempt > 0) await sleep(5 + Math.random() * 10 * attempt)
    if (attempt > 0 && (await livingOwner(folder, null)) !== null) continue
    const claim = await writeClaim(folder)
    other = await livingOwner(folder, claim)
    if (other === null) return heldLock(join(folder, claim))
    await rm(join(folder, claim), { force: true })
  }
  return other ?? (await livingOwner(folder, null)) ?? self()
}

/** Takes a lock as soon as it is free. Rejects with the signal's reason when aborted. */
export async function waitForLock(
  folder: string,
  options: {
    readonly signal?: AbortSignal | undefined
    readonly onWait?: (owner: LockOwner) => void
  } = {},
): Promise<FileLock> {
  for (let told = false; ; told = true) {
    options.signal?.throwIfAborted()
    const taken = await takeLock(folder)
    if ('release' in taken) return taken
    if (!told) options.onWait?.(taken)
    await sleep(100, undefined, { signal: options.signal })
  }
}

/** Under its name it is whole; it need not last beyond the process, so nothing is flushed. */
async function writeClaim(folder: string): Promise<string> {
  const name = `${process.pid}-${randomBytes(6).toString('hex')}`
  await writeFile(join(folder, `${name}.tmp`), JSON.stringify(self()))
  await rename(join(folder, `${name}.tmp`), join(folder, `${name}.json`))
  return `${name}.json`
}

function heldLock(path: string): FileLock {
  const release = (): Promise<void> => rm(path, { force: true })
  return { release, [Symbol.asyncDispose]: release }
}

function self(): LockOwner {
  return {
    pid: process.pid,
    started: processStart(process.pid) ?? '',
    host: hostname(),
  }
}

/** Owner of a claim other than `own` whose process lives; claims of dead ones are removed on the way. */
async function livingOwner(folder: string, own: string | null): Promise<LockOwner | null> {
  for (const name of await readdir(folder)) {
    if (name === own || !name.endsWith('.json')) continue
    const path = join(folder, name)
    const text = await readFile(path, 'utf8').catch(() => null)
    if (text === null) continue
    const claim = owner.safeParse(parsed(text))
    if (claim.success && (claim.data.host !== hostname() || processStart(claim.data.pid) === claim.data.started)) {
      return claim.data
    }
    await rm(path, { force: true })
  }
  return null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
