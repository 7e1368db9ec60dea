import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { atomicWrite } from '../../src/util/atomic-write.ts'
import { cacheFolder } from '../../src/util/cache-folder.ts'
import { mapParallel } from '../../src/util/map-parallel.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { sha256File } from '../../src/util/sha256-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a file is replaced whole, and a failure leaves the old one and nothing else', async () => {
  const path = join(folder, 'a')
  await atomicWrite(path, 'old')
  await atomicWrite(path, 'new')
  // Neither text nor bytes: the write fails after the temporary file was made.
  await expect(atomicWrite(path, 5 as unknown as string)).rejects.toThrow()
  expect(await readFile(path, 'utf8')).toBe('new')
  expect(await readdir(folder)).toEqual(['a'])
})

test('SHA-256 is the published one of "abc", of text, bytes and files', async () => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  await writeFile(join(folder, 'abc'), 'abc')
  expect([sha256('abc'), sha256(new Uint8Array([97, 98, 99])), await sha256File(join(folder, 'abc'))]).toEqual([
    expected,
    expected,
    expected,
  ])
})

test.each([
  ['linux', {}, '/home/me/.cache/phalanx'],
  ['linux', { XDG_CACHE_HOME: '/x' }, '/x/phalanx'],
  ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/me/.cache/phalanx'],
  ['darwin', { XDG_CACHE_HOME: '/x' }, '/home/me/Library/Caches/phalanx'],
  ['win32', { LOCALAPPDATA: '/local' }, '/local/phalanx/cache'],
  ['linux', { XDG_CACHE_HOME: '/x', PHALANX_CACHE: '/mine' }, '/mine'],
] as const)('caches on %s with %j lie in %s', (platform, variables, expected) => {
  expect(cacheFolder({ platform, variables, home: '/home/me' })).toBe(expected)
})

test('the package root holds the package', async () => {
  expect(await readFile(join(packageRoot(), 'package.json'), 'utf8')).toContain('"name": "phalanx"')
})

test('parallel work keeps its order and its limit', async () => {
  let running = 0
  let most = 0
  const results = await mapParallel([5, 1, 3, 2, 4], 2, async (n) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, n))
    running--
    return n * n
  })
  expect(results).toEqual([25, 1, 9, 4, 16])
  expect(most).toBe(2)
})
