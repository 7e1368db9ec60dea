import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type FetchCall, fetchFile } from '../../src/web/index.ts'
import { serve } from '../sources/local-source.ts'
import { localNetwork } from './local-web.ts'

async function get(
  path: string,
  answer: (path: string, response: ServerResponse) => void,
  more: Partial<FetchCall> = {},
  host = 'images.test',
) {
  await using server = await serve((request, response) => {
    answer(request.path, response)
    return undefined
  })
  const port = Number(new URL(server.address).port)
  await using network = localNetwork(port)
  const result = await fetchFile(
    path.startsWith('http') ? path.replace('PORT', String(port)) : `http://${host}:${port}${path}`,
    {
      ...{ network, userAgent: 'phalanx/test', accept: 'image/*', largestBytes: 1000, deadlineMilliseconds: 10_000 },
      signal: new AbortController().signal,
      ...more,
    },
  )
  return { result, seen: server.seen }
}

test('a file comes with the addresses that led to it', async () => {
  const { result, seen } = await get('/a', (path, response) => {
    if (path === '/a') response.writeHead(302, { location: 'b?x=1' }).end()
    else response.end('bytes')
  })
  expect(result).toMatchObject({ type: 'file', bytes: Buffer.from('bytes') })
  expect(result.hops.map((hop) => new URL(hop).pathname)).toEqual(['/a', '/b'])
  expect(seen[0]?.headers).toMatchObject({ 'user-agent': 'phalanx/test', 'accept-encoding': 'identity' })
})

// The notations of loopback that undici's own look-up never saw, and others of private and metadata addresses.
test.each([
  'http://127.0.0.1:1/',
  'http://127.1:1/',
  'http://2130706433:1/',
  'http://0x7f.1:1/',
  'http://0177.0.0.1:1/',
  'http://0:1/',
  'http://[::1]:1/',
  'http://[::]:1/',
  'http://[::ffff:127.0.0.1]:1/',
  'http://[::ffff:7f00:1]:1/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://169.254.169.254/latest/meta-data/',
  'http://0xa9fea9fe/',
  'http://10.0.0.1/',
  'http://172.16.0.1/',
  'http://192.168.0.1/',
  'http://100.64.0.1/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://private.test/',
  'http://mixed.test:PORT/',
])('%s is not asked', async (address) => {
  const { result, seen } = await get(address, (_, response) => response.end('secret'))
  expect(result).toMatchObject({ type: 'failure', reason: 'blocked-address', temporary: false })
  expect(seen).toHaveLength(0)
})

test.each(['http://127.0.0.1:1/x', 'http://2130706433:1/', 'http://private.test/', 'http://[::1]:1/'])(
  'a redirect to %s is not followed',
  async (location) => {
    const { result, seen } = await get('/a', (_, response) => response.writeHead(302, { location }).end())
    expect(result).toMatchObject({ reason: 'blocked-address' })
    expect(seen).toHaveLength(1)
    expect(result.hops).toHaveLength(2)
  },
)

test('a name that is resolved to another address the next time leads nowhere', async () => {
  await using server = await serve((_, response) => {
    response.writeHead(302, { location: '/again', connection: 'close' }).end()
    return undefined
  })
  const port = Number(new URL(server.address).port)
  let asked = 0
  await using network = localNetwork(port, {
    resolve: async () => [{ address: asked++ === 0 ? '127.0.0.1' : '10.0.0.1', family: 4 }],
  })
  const result = await fetchFile(`http://images.test:${port}/`, {
    ...{ network, userAgent: 'x', accept: '*/*', largestBytes: 10, deadlineMilliseconds: 10_000 },
    signal: new AbortController().signal,
  })
  expect(result).toMatchObject({ reason: 'blocked-address' })
  expect([asked, server.seen.length]).toEqual([2, 1])
})

test.each<[string, string, (path: string, response: ServerResponse) => void]>([
  [
    'other-scheme',
    'a redirect to a file',
    (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  ],
  ['invalid-address', 'a redirect to nothing', (_, response) => response.writeHead(302, { location: 'http://' }).end()],
  ['redirect-loop', 'a redirect to itself', (_, response) => response.writeHead(302, { location: '/a' }).end()],
  [
    'too-many-redirects',
    'redirects without end',
    (path, response) => response.writeHead(302, { location: `${path}a` }).end(),
  ],
  ['too-many-bytes', 'an endless body', (_, response) => endless(response)],
  [
    'too-many-bytes',
    'a length beyond the cap',
    (_, response) => response.writeHead(200, { 'content-length': 5000 }).end(),
  ],
  [
    'compressed-body',
    'a bomb of gzip',
    (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1 << 22))),
  ],
  ['http-404', 'nothing there', (_, response) => response.writeHead(404).end()],
  ['http-204', 'no content', (_, response) => response.writeHead(204).end()],
])('%s: %s', async (reason, _, answer) => {
  const { result } = await get('/a', answer)
  expect(result).toMatchObject({ type: 'failure', reason, temporary: false })
})

test.each<[string, string, (path: string, response: ServerResponse) => void, number | null]>([
  [
    'connection-failed',
    'a length that is never reached',
    (_, response) => response.writeHead(200, { 'content-length': 500 }).write('x', () => response.destroy()),
    null,
  ],
  ['connection-failed', 'a connection that is reset', (_, response) => response.socket?.resetAndDestroy(), null],
  ['http-503', 'a busy server', (_, response) => response.writeHead(503, { 'retry-after': '7' }).end(), 7000],
  ['http-429', 'a busy server', (_, response) => response.writeHead(429).end(), null],
])('%s: %s may go well later', async (reason, _, answer, wait) => {
  const { result } = await get('/a', answer)
  expect(result).toMatchObject({ type: 'failure', reason, temporary: true, wait })
})

test('a body of one byte at a time ends at the deadline', async () => {
  const drip = (_: string, response: ServerResponse): void => {
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
  }
  const { result } = await get('/a', drip, { deadlineMilliseconds: 300 })
  expect(result).toMatchObject({ reason: 'too-slow', temporary: true })
})

test('what headers announce may be refused before the body', async () => {
  const { result } = await get('/a', (_, response) => endless(response), {
    onHeaders: (headers) => (headers['content-type'] === undefined ? 'opted-out' : null),
  })
  expect(result).toMatchObject({ reason: 'opted-out', temporary: false })
})

test('an abort ends it with its reason', async () => {
  const stop = new AbortController()
  const fetched = get('/a', () => stop.abort(new Error('enough')), { signal: stop.signal })
  await expect(fetched).rejects.toThrow('enough')
})

function endless(response: ServerResponse): void {
  const more = (): void => {
    while (response.write(Buffer.alloc(1 << 16)));
  }
  response.on('drain', more)
  more()
}
