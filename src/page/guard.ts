import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'

/** What a request must show to be let in. */
export interface Gate {
  readonly token: string
  /** Values of the Host header that mean this server. */
  readonly hosts: readonly string[]
  /** Name of the cookie that holds the token; cookies are shared by all ports of a host. */
  readonly cookie: string
}

/** Path that takes the token of the link and puts it into a cookie, out of the address bar and of what is sent on. */
export const entrance = '/enter'

/** Refuses foreign hosts and origins with 403, and who has no token with 401; marks every answer as private. */
export function guardRequests({ token, hosts, cookie }: Gate): MiddlewareHandler {
  return async (context, next) => {
    const refusal = refuse(context)
    if (refusal === null) await next()
    else context.res = context.json({ error: refusal }, refusal.code === 'no-token' ? 401 : 403)
    const { headers } = context.res
    for (const [name, value] of Object.entries(privateHeaders)) headers.set(name, value)
    // What a name of its own stands for may be kept, by the browser that was let in.
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
    if (!headers.has('content-security-policy')) headers.set('content-security-policy', "default-src 'none'")
  }

  function refuse(context: Context): { code: string; message: string } | null {
    const { req } = context
    const host = req.header('host') ?? ''
    if (!hosts.includes(host)) return { code: 'foreign-host', message: 'This server goes by another name.' }
    const origin = req.header('origin')
    const foreign = origin === undefined ? req.method !== 'GET' : origin !== `http://${host}`
    if (foreign) return { code: 'foreign-origin', message: 'Only the page of this server may ask this.' }
    const given = req.path === entrance ? req.query('token') : getCookie(context, cookie)
    if (given !== undefined && equalTexts(given, token)) return null
    return { code: 'no-token', message: 'Open the link that the command printed.' }
  }
}

/** Keeps the token in a cookie that scripts and other sites cannot use, and goes to the page. */
export function letIn({ token, cookie }: Gate): MiddlewareHandler {
  return async (context) => {
    setCookie(context, cookie, token, { httpOnly: true, sameSite: 'Lax', path: '/' })
    return context.redirect('/')
  }
}

const privateHeaders: Readonly<Record<string, string>> = {
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Compares in a time that says nothing about where they differ. */
function equalTexts(first: string, second: string): boolean {
  const [one, other] = [first, second].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(one as Buffer, other as Buffer)
}
