import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { RobotsFiles } from '../../src/web/index.ts'
import { serve } from '../sources/local-source.ts'
import { localNetwork } from './local-web.ts'

async function ask(answer: (path: string, response: ServerResponse) => void, paths: readonly string[]) {
  await using server = await serve(({ path }, response) => {
    answer(path, response)
    return undefined
  })
  const port = Number(new URL(server.address).port)
  await using network = localNetwork(port)
  const robots = new RobotsFiles(
    { network, userAgent: 'phalanx/test', deadlineMilliseconds: 500, signal: new AbortController().signal },
    'phalanx',
  )
  const verdicts = await Promise.all(paths.map((path) => robots.verdict(new URL(`http://images.test:${port}${path}`))))
  return {
    verdicts: verdicts.map((verdict) => (verdict.type === 'refused' ? verdict.reason : verdict.type)),
    last: verdicts.at(-1),
    asked: server.seen.length,
  }
}

test('rules for this program count before those for all, and are asked for once', async () => {
  const file =
    'User-agent: *\nDisallow: /\n\nUser-agent: Phalanx\nDisallow: /private/\nAllow: /private/open\nCrawl-delay: 3\n'
  const { verdicts, last, asked } = await ask(
    (_, response) => response.end(file),
    ['/private/a', '/private/open', '/a'],
  )
  expect(verdicts).toEqual(['robots-refuse', 'allowed', 'allowed'])
  expect(last).toEqual({ type: 'allowed', delayMilliseconds: 3000 })
  expect(asked).toBe(1)
})

// RFC 9309, 2.3.1: unavailable (4xx) allows, unreachable (5xx and no answer) refuses, redirects are followed.
test.each<[string, string, (path: string, response: ServerResponse) => void]>([
  ['404', 'allowed', (_, response) => response.writeHead(404).end()],
  ['403', 'allowed', (_, response) => response.writeHead(403).end()],
  ['429', 'robots-unreachable', (_, response) => response.writeHead(429).end()],
  ['500', 'robots-unreachable', (_, response) => response.writeHead(500).end()],
  ['silence', 'robots-unreachable', () => undefined],
  [
    'a redirect to one that refuses',
    'robots-refuse',
    (path, response) =>
      path === '/robots.txt'
        ? response.writeHead(301, { location: '/other' }).end()
        : response.end('User-agent: *\nDisallow: /'),
  ],
  ['a page', 'allowed', (_, response) => response.end('<html>not found</html>')],
  ['an empty file', 'allowed', (_, response) => response.end()],
])('robots.txt of %s: %s', async (_, verdict, answer) => {
  const { verdicts, asked } = await ask(answer, ['/a', '/b'])
  expect(verdicts).toEqual([verdict, verdict])
  expect(asked).toBeLessThanOrEqual(2)
})
