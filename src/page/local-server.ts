import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ConfigError, LabError } from '../errors/index.ts'
import { entrance, guardRequests, letIn } from './guard.ts'

export interface LocalServerOptions {
  /** What is served below `/`, to who has the link. */
  readonly routes: Hono
  /** Address of this machine to listen on. `127.0.0.1` is seen from this machine alone. */
  readonly host: string
  /** 0 takes one that is free. */
  readonly port: number
}

/** A page served from this process. */
export interface LocalServer extends AsyncDisposable {
  /** What a person opens: it holds the token, so it is to be shared only with who may come in. */
  readonly link: string
  readonly origin: string
  /** Ends all connections. May be called again. */
  close(): Promise<void>
}

const wildcards = new Set(['0.0.0.0', '::'])
const mostBodyBytes = 64 * 1024
const tooLarge = { code: 'body-too-large', message: `Send at most ${mostBodyBytes} bytes.` }

/**
 * Serves a page to browsers that were given its link. Every request needs the token of the link (kept in a cookie after
 * the first), the name of this server as its Host, which no page of another name can claim by pointing its name here,
 * and no foreign Origin. What is thrown becomes JSON `{ error: { code, message } }`: 400 for a ConfigError, 409 for
 * other errors of this package.
 *
 * Throws ConfigError for a host that is no address or stands for all of them (`invalid-host`), and for one that cannot
 * be listened on (`cannot-listen`).
 */
export async function openLocalServer({ routes, host, port }: LocalServerOptions): Promise<LocalServer> {
  requireAddress(host)
  const token = randomBytes(32).toString('base64url')
  const app = new Hono()
  const server = createAdaptorServer({ fetch: app.fetch })
  const listening = await listen(server, host, port)
  const name = isIP(host) === 6 ? `[${host}]` : host
  const hosts = [`${name}:${listening}`, ...(host === '127.0.0.1' ? [`localhost:${listening}`] : [])]
  const gate = { token, hosts, cookie: `phalanx-${listening}` }
  app.use(guardRequests(gate))
  app.get(entrance, letIn(gate))
  app.use(bodyLimit({ maxSize: mostBodyBytes, onError: (context) => context.json({ error: tooLarge }, 413) }))
  app.route('/', routes)
  app.onError((error, context) => {
    if (!LabError.isInstance(error))
      return context.json({ error: { code: 'unexpected-error', message: String(error) } }, 500)
    const { code, message } = error
    return context.json({ error: { code, message } }, error.name === 'ConfigError' ? 400 : 409)
  })
  const origin = `http://${hosts[0]}`
  const close = async (): Promise<void> => {
    if (!server.listening) return
    await new Promise((resolve) => {
      server.close(resolve)
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
  }
  return { link: `${origin}${entrance}?token=${token}`, origin, close, [Symbol.asyncDispose]: close }
}

/** Refuses what is no single address. Throws ConfigError (`invalid-host`). */
export function requireAddress(host: string): void {
  if (isIP(host) !== 0 && !wildcards.has(host)) return
  throw new ConfigError({
    code: 'invalid-host',
    message: `"${host}" is no address that others can type. Name one address of this machine, such as 192.168.0.5.`,
    facts: { host },
  })
}

function listen(server: ReturnType<typeof createAdaptorServer>, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error): void => {
      reject(
        new ConfigError({
          code: 'cannot-listen',
          message: `Port ${port} of ${host} cannot be listened on: ${cause.message}. Name a free port and an address of this machine.`,
          facts: { host, port },
          cause,
        }),
      )
    }
    server.once('error', refuse)
    try {
      server.listen(port, host, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    } catch (error) {
      refuse(error as Error)
    }
  })
}
