import { readFile, rm, writeFile } from 'node:fs/promises'
import { WorkerError } from '../errors/index.ts'
import { type Ready, ready } from '../protocol/launch.ts'
import { isAlive } from '../util/process-start.ts'

/**
 * Writes the file through which others attach, readable by its owner only.
 * Throws WorkerError (`endpoint-file-in-use`) when it names a worker that lives.
 */
export async function writeEndpointFile(path: string, content: Ready): Promise<void> {
  const present = await readEndpointFile(path).catch(() => null)
  if (present !== null && present.pid !== content.pid && isAlive(present.pid)) {
    throw new WorkerError({
      code: 'endpoint-file-in-use',
      message: `${path} belongs to a running worker (process ${present.pid}). Attach to that one, or choose another file.`,
      facts: { path, pid: present.pid },
    })
  }
  await rm(path, { force: true })
  await writeFile(path, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' })
}

/** Throws WorkerError (`no-such-worker`) when there is no such file or its worker has ended. */
export async function readRunningEndpoint(path: string): Promise<Ready> {
  const content = await readEndpointFile(path)
  if (isAlive(content.pid)) return content
  throw new WorkerError({
    code: 'no-such-worker',
    message: `The worker of ${path} (process ${content.pid}) has ended. Start it again.`,
    facts: { path, pid: content.pid },
  })
}

/** Removes the file if it still names this worker. */
export async function removeEndpointFile(path: string, epoch: string): Promise<void> {
  const present = await readEndpointFile(path).catch(() => null)
  if (present?.epoch === epoch) await rm(path, { force: true })
}

async function readEndpointFile(path: string): Promise<Ready> {
  try {
    return ready.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new WorkerError({
      code: 'no-such-worker',
      message: `${path} is not the endpoint file of a worker. Start one with this endpoint file first.`,
      facts: { path },
      cause,
    })
  }
}
