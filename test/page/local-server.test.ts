import { request } from 'node:http'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors/index.ts'
import { type LocalServer, openLocalServer } from '../../src/page/local-server.ts'

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** Any request, also ones that no browser would send. */
function send(url: string, headers: Record<string, string>, method = 'GET', body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('openLocalServer', () => {
  let server: LocalServer
  let cookie: string
  let reached = 0

  beforeAll(async () => {
    const routes = new Hono()
    routes.get('/', (context) => context.text(`page ${++reached}`))
    routes.post('/', async (context) => context.text(`got ${(await context.req.text()).length} ${++reached}`))
    routes.get('/refusal', () => {
      throw new ConfigError({ code: 'not-so', message: 'Do it otherwise.' })
    })
    server = await openLocalServer({ routes, host: '127.0.0.1', port: 0 })
    const entered = await send(server.link, {})
    expect(entered).toMatchObject({ status: 302, headers: { location: '/' } })
    cookie = String(entered.headers['set-cookie']).split(';')[0] as string
    expect(String(entered.headers['set-cookie'])).toMatch(/HttpOnly.*SameSite=Lax/)
  })

  afterAll(() => server.close())

  it('lets in who has the token, and marks answers as private', async () => {
    const { status, body, headers } = await send(server.origin, { cookie })
    expect([status, body.startsWith('page')]).toEqual([200, true])
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
    expect(headers['content-security-policy']).toBe("default-src 'none'")
    const posted = await send(server.origin, { cookie, origin: server.origin }, 'POST', 'vote')
    expect(posted).toMatchObject({ status: 200, body: expect.stringMatching(/^got 4/) })
  })

  it.each([
    ['no token', 401, () => [{}, 'GET']],
    ['a wrong token', 401, () => [{ cookie: `${cookie.slice(0, -1)}~` }, 'GET']],
    ['another name of this address (DNS rebinding)', 403, () => [{ cookie, host: 'hands.example' }, 'GET']],
    ['this name with another port', 403, () => [{ cookie, host: '127.0.0.1:1' }, 'GET']],
    ['a page of another origin', 403, () => [{ cookie, origin: 'http://hands.example' }, 'POST']],
    ['a page of another port of this machine', 403, () => [{ cookie, origin: 'http://127.0.0.1:1' }, 'POST']],
    ['a page without an origin', 403, () => [{ cookie, origin: 'null' }, 'POST']],
    ['a change without an origin', 403, () => [{ cookie }, 'POST']],
  ] as [string, number, () => [Record<string, string>, string]][])('refuses %s', async (_what, wanted, make) => {
    const before = reached
    const [headers, method] = make()
    expect((await send(server.origin, headers, method)).status).toBe(wanted)
    expect(reached).toBe(before)
  })

  it('refuses a wrong token in the link, and a body that is too large', async () => {
    expect((await send(`${server.link}x`, {})).status).toBe(401)
    expect((await send(`${server.origin}/enter`, { cookie })).status).toBe(401)
    const large = await send(server.origin, { cookie, origin: server.origin }, 'POST', 'x'.repeat(70_000))
    expect(large.status).toBe(413)
  })

  it('tells errors of this package as JSON', async () => {
    const { status, body } = await send(`${server.origin}/refusal`, { cookie })
    expect([status, JSON.parse(body)]).toEqual([400, { error: { code: 'not-so', message: 'Do it otherwise.' } }])
  })

  it('is not seen under an address that it was not told, and refuses ones that are none', async () => {
    const routes = new Hono()
    for (const host of ['0.0.0.0', '::', 'localhost', 'hands.example']) {
      await expect(openLocalServer({ routes, host, port: 0 })).rejects.toMatchObject({ code: 'invalid-host' })
    }
    // 192.0.2.0/24 belongs to no machine (RFC 5737).
    await expect(openLocalServer({ routes, host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'cannot-listen',
    })
    const port = Number(new URL(server.origin).port)
    await expect(openLocalServer({ routes, host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'cannot-listen' })
    await expect(openLocalServer({ routes, host: '127.0.0.1', port: 70_000 })).rejects.toMatchObject({
      code: 'cannot-listen',
    })
  })
})
