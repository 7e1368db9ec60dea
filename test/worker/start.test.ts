import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startWorker } from '../../src/worker/index.ts'
import { eventually, fixture, isAlive, packageFolder, python, scriptedOptions } from './scripted-worker.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-'))
})
afterEach(() => rm(folder, { recursive: true }))

function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'succeeded',
    (error: unknown) => error,
  )
}

test('a started worker names itself; its folder is private and gone after close', async () => {
  const worker = await startWorker({ python, packageFolder, runtimeFolder: folder })
  expect(worker.identity).toMatchObject({ device: 'cpu', versions: { python: expect.stringMatching(/^3\./) } })
  const [name] = await readdir(folder)
  expect((await stat(join(folder, name!))).mode & 0o777).toBe(0o700)
  await worker.close()
  expect(await readdir(folder)).toEqual([])
  expect(isAlive(worker.identity.pid)).toBe(false)
})

test('a Python that is not there', async () => {
  expect(await failureOf(startWorker({ python: join(folder, 'python'), packageFolder }))).toMatchObject({
    name: 'WorkerError',
    code: 'python-not-found',
    facts: { python: join(folder, 'python') },
  })
})

test('a Python without the packages says what it missed', async () => {
  const broken = { python, packageFolder: folder }
  expect(await failureOf(startWorker(broken))).toMatchObject({
    name: 'WorkerError',
    code: 'worker-start-failed',
    message: expect.stringContaining('No module named phalanx_worker'),
    facts: { exitCode: 1 },
  })
})

test('a program that is no Python', async () => {
  const program = join(folder, 'program')
  await writeFile(program, '#!/bin/sh\necho "not a worker" >&3\n')
  await chmod(program, 0o755)
  expect(await failureOf(startWorker({ python: program, packageFolder }))).toMatchObject({
    name: 'ProtocolError',
    code: 'malformed-message',
    facts: { line: 'not a worker' },
  })
})

test('a worker with another schema is refused with both hashes', async () => {
  const options = { python, packageFolder, entry: [fixture('other-schema.py')] }
  expect(await failureOf(startWorker(options))).toMatchObject({
    name: 'ProtocolError',
    code: 'schema-mismatch',
    facts: { received: '0'.repeat(64) },
  })
})

test('a worker that never gets ready is ended', async () => {
  const options = { python, packageFolder, entry: [fixture('never-ready.py'), join(folder, 'pid')] }
  expect(await failureOf(startWorker({ ...options, settings: { readySeconds: 1 } }))).toMatchObject({
    name: 'WorkerError',
    code: 'worker-start-timeout',
  })
  const pid = Number(await readdir(folder).then((names) => names.find((name) => name.startsWith('pid'))?.slice(3)))
  await eventually(() => !isAlive(pid), 2000)
})

test('a start that is aborted leaves nothing behind', async () => {
  const controller = new AbortController()
  const started = startWorker({
    python,
    packageFolder,
    entry: [fixture('never-ready.py'), join(folder, 'pid')],
    runtimeFolder: folder,
    signal: controller.signal,
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  const reason = new Error('changed my mind')
  controller.abort(reason)
  expect(await failureOf(started)).toBe(reason)
  expect((await readdir(folder)).filter((name) => name.startsWith('phalanx-'))).toEqual([])
})

test('a folder whose path is too long for a socket', async () => {
  const long = join(folder, 'x'.repeat(90))
  await mkdir(long)
  expect(await failureOf(startWorker({ python, packageFolder, runtimeFolder: long }))).toMatchObject({
    name: 'WorkerError',
    code: 'socket-path-too-long',
  })
})

test('an address that another worker has', async () => {
  const options = { python, packageFolder, entry: [fixture('taken-socket.py')] }
  expect(await failureOf(startWorker(options))).toMatchObject({
    name: 'WorkerError',
    code: 'socket-in-use',
    message: expect.stringContaining('control'),
  })
})

test('a misspelt setting', async () => {
  const settings = { restart: 3 } as never
  expect(await failureOf(startWorker({ ...scriptedOptions(), settings }))).toMatchObject({
    name: 'ConfigError',
    code: 'invalid-worker-settings',
    message: expect.stringContaining('restart'),
  })
})
