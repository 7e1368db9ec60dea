import { expect, test } from 'vitest'
import { HostQueues, hostOf } from '../../src/curation/hosts.ts'
import type { LedgerEntry } from '../../src/ledger/index.ts'

function queues(interval: number, urls: readonly string[]): HostQueues {
  const hosts = new HostQueues(interval)
  for (const [i, url] of urls.entries()) hosts.add({ id: i + 1, url } as LedgerEntry)
  return hosts
}

test('hosts take turns, and each has one in an interval', () => {
  const hosts = queues(100, ['http://a/1', 'http://a/2', 'http://b/1', 'http://A:80/3'])
  const taken = (now: number) => [1, 2, 3].map(() => hosts.take(now)?.url ?? null)
  expect(taken(0)).toEqual(['http://a/1', 'http://b/1', null])
  expect(hosts.wait(40)).toBe(60)
  expect(taken(99)).toEqual([null, null, null])
  expect(taken(100)).toEqual(['http://a/2', null, null])
  hosts.pace('a').hold(5000)
  expect([hosts.take(4999), hosts.take(5000)?.id, hosts.size, hosts.wait(0)]).toEqual([
    null,
    4,
    0,
    Number.POSITIVE_INFINITY,
  ])
})

test('files of this machine wait for nobody, and a host is told with its port', () => {
  const hosts = queues(1000, ['file:///a', 'file:///b'])
  expect([hosts.take(0)?.id, hosts.take(0)?.id]).toEqual([1, 2])
  expect(['https://A.example:8443/x', 'http://[::1]:80/', 'file:///x', 'nothing'].map(hostOf)).toEqual([
    ...['a.example:8443', '[::1]', '', ''],
  ])
})
