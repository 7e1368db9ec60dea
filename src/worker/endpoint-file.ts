import { readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { WorkerError } from '../errors/index.ts'
import { isAlive } from '../util/process-start.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

/**
 * Writes the file through which others attach, readable by its owner only.
 * Throws WorkerError (`endpoint-file-in-use`) when it names a worker that lives.
 */
export async function writeEndpointFile(path: string, content: Endpoint): Promise<void> {
  const present = await readEndpointFile(path).catch(() => null)
  if (present !== null && present.epoch !== content.epoch && mayRun(present)) {
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
export async function readRunningEndpoint(path: string): Promise<Endpoint> {
  const content = await readEndpointFile(path)
  if (mayRun(content)) return content
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

async function readEndpointFile(path: string): Promise<Endpoint> {
  try {
    return endpoint.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new WorkerError({
      code: 'no-such-worker',
      message: `${path} is not the endpoint file of a worker. Start one with this endpoint file first.`,
      facts: { path },
      cause,
    })
  }
}

/** Whether its process lives; of a worker on another machine only the connection can tell. */
function mayRun({ host, pid }: Endpoint): boolean {
  return host !== hostname() || isAlive(pid)
}
