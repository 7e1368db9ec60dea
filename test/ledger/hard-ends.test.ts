import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { RandomStream } from '../../src/util/random.ts'
import { canMount, runOnSmallDisk } from '../util/small-disk.ts'

const writer = join(packageRoot(), 'test', 'ledger', 'fixtures', 'ledger-writer.ts')
const script = ['--import', 'tsx', writer]
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function write(into: string, ...size: string[]) {
  return execa(process.execPath, [...script, into, ...size], { cwd: packageRoot(), reject: false })
}

/** Every row of every table, but for how often a fetch was begun and when an answer came. */
function rows(root: string): unknown[] {
  const database = new DatabaseSync(join(root, 'ledger.sqlite'))
  try {
    expect(database.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    return ['answer', 'search', 'candidate', 'hit'].map((table) => database.prepare(`select * from ${table}`).all())
  } finally {
    database.close()
  }
}

test('a writer killed at random moments ends with the rows of one that was not', { timeout: 900_000 }, async () => {
  const whole = join(folder, 'whole')
  const killed = join(folder, 'killed')
  expect((await write(whole, '20', '60')).stdout).toMatch(/done$/)
  const random = new RandomStream('ledger-kills', 1)
  let kills = 0
  for (let ended = false; !ended; ) {
    const process = write(killed, '20', '60')
    // Twenty kills soon after the start, so that they fall into the searches; then it may end.
    if (kills < 20) {
      const delay = random.uniform(0, 25)
      process.stdout.once('data', () => setTimeout(() => process.kill('SIGKILL'), delay))
    }
    const { stdout, signal } = await process
    if (signal === 'SIGKILL') kills++
    ended = stdout.endsWith('done')
  }
  expect(kills).toBeGreaterThan(0)
  expect(rows(killed)).toEqual(rows(whole))
})

test('of two processes the second is refused, or waits until the first has ended', { timeout: 300_000 }, async () => {
  const first = write(folder, '2000', '20')
  await once(first.stdout, 'data')
  await expect(openLedger(folder)).rejects.toMatchObject({
    name: 'DatasetError',
    code: 'ledger-in-use',
    facts: { pid: first.pid },
  })
  const stop = new AbortController()
  await expect(
    openLedger(folder, { wait: true, signal: stop.signal, onWait: () => stop.abort(new Error('enough')) }),
  ).rejects.toThrow()
  const waiting = openLedger(folder, { wait: true })
  await sleep(200)
  first.kill('SIGKILL')
  await using ledger = await waiting
  expect(ledger.counts().searches).toBeGreaterThan(0)
})

test('a disk that is full at whatever write loses nothing that was recorded', { timeout: 900_000 }, async (context) => {
  if (!canMount(folder)) context.skip('needs a Linux that lets this user mount a small disk (unshare -Urm)')
  const codes = new Set<string>()
  for (let kilobytes = 8; kilobytes <= 400; kilobytes += 28) {
    const copy = join(folder, String(kilobytes))
    const stdout = await runOnSmallDisk(copy, kilobytes, writer, '30', '20')
    const lines = stdout.split('\n')
    const last = lines.at(-1) ?? ''
    codes.add(last)
    expect(last).toMatch(/^(?:done|failed disk-full)$/)
    if (!lines.includes('open')) continue
    const [, searches = []] = rows(copy) as unknown[][]
    expect(searches).toHaveLength(lines.filter((line) => line === 'search').length)
    // With room again the same work goes on to its end.
    expect((await write(copy, '30', '20')).stdout).toMatch(/done$/)
  }
  expect(codes).toContain('failed disk-full')
})
