import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takeLock, waitForLock } from '../../src/util/file-lock.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { processStart } from '../../src/util/process-start.ts'

const contender = join(packageRoot(), 'test', 'util', 'fixtures', 'lock-contender.ts')
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function contend(...args: string[]) {
  return execa(process.execPath, ['--import', 'tsx', contender, folder, ...args], { cwd: packageRoot() })
}

test('a held lock gives its owner, and is free after release', async () => {
  const first = await takeLock(folder)
  expect(await takeLock(folder)).toMatchObject({ pid: process.pid, host: hostname() })
  if ('release' in first) await first.release()
  await using again = await waitForLock(folder)
  expect(again).toHaveProperty('release')
})

test('what a killed process held is free at once', async () => {
  const holder = contend('hold')
  await once(holder.stdout, 'data')
  expect(await takeLock(folder)).toMatchObject({ pid: holder.pid })
  holder.kill('SIGKILL')
  await holder.catch(() => undefined)
  expect(await takeLock(folder)).toHaveProperty('release')
})

test.each([
  ['another process with the same number', { pid: process.pid, started: 'an earlier time', host: hostname() }],
  [
    'a process before the last restart',
    { pid: process.pid, started: `00000000-0000-0000-0000-000000000000 1`, host: hostname() },
  ],
  ['a process that is gone', { pid: 2 ** 22 + 1, started: 'x', host: hostname() }],
])('the claim of %s does not count', async (_, owner) => {
  await writeFile(join(folder, 'old.json'), JSON.stringify(owner))
  expect(await takeLock(folder)).toHaveProperty('release')
  expect(await readdir(folder)).toHaveLength(1)
})

test('a claim that was cut off does not count, one of another host does', async () => {
  await writeFile(join(folder, 'cut.json'), '{"pid": 1')
  await using lock = await waitForLock(folder)
  expect(lock).toHaveProperty('release')
  await writeFile(join(folder, 'far.json'), JSON.stringify({ pid: 1, started: 'x', host: `${hostname()}-other` }))
  expect(await takeLock(folder)).toMatchObject({ pid: expect.any(Number) })
})

test('processes that wait for the same lock hold it one at a time', async () => {
  const rounds = 15
  await Promise.all([1, 2, 3].map(() => contend('count', String(rounds))))
  expect((await readdir(folder)).filter((name) => name.startsWith('count-'))).toEqual([`count-${3 * rounds}`])
}, 120_000)

test('waiting ends when it is aborted', async () => {
  await takeLock(folder)
  const reason = new Error('enough')
  await expect(waitForLock(folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test('the start of a process tells it from others', () => {
  expect(processStart(process.pid)).toBe(processStart(process.pid))
  expect(processStart(process.ppid)).not.toBe(processStart(process.pid))
  expect(processStart(2 ** 22 + 1)).toBeNull()
})
