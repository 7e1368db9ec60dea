import { lstat, readdir, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'

const folderName = /^phalanx-[A-Za-z0-9]{6}$/

/**
 * Removes folders of workers that are gone: what is left when the program and its worker were both killed. A folder is
 * one of these when it is this user's, has a worker's two sockets, and nobody listens on them; that holds across
 * containers that share a temporary folder, where process ids would mislead. Never throws: nothing depends on it.
 */
export async function sweepRuntimeFolders(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => [])
  const folders = names.filter((name) => folderName.test(name)).map((name) => join(parent, name))
  await Promise.all(
    folders.map(async (folder) => {
      if (await isAbandoned(folder)) await rm(folder, { recursive: true, force: true }).catch(() => undefined)
    }),
  )
}

async function isAbandoned(folder: string): Promise<boolean> {
  try {
    const sockets = [join(folder, 'control'), join(folder, 'jobs')]
    const facts = await Promise.all([folder, ...sockets].map((path) => lstat(path)))
    const [own, ...others] = facts.map(({ uid }) => uid === process.getuid?.())
    if (!own || others.includes(false) || !facts.slice(1).every((fact) => fact.isSocket())) return false
    return (await Promise.all(sockets.map(refusesConnections))).every(Boolean)
  } catch {
    return false
  }
}

function refusesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path)
    connection.once('connect', () => {
      connection.destroy()
      resolve(false)
    })
    connection.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}
