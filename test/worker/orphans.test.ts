import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { startWorker } from '../../src/worker/index.ts'
import { eventually, fixture, isAlive, python, scriptedOptions } from './scripted-worker.ts'

/** Starts fixtures/owner.ts; resolves when it has printed its worker's process id. */
async function startOwner(what: string) {
  const owner = execa('node', ['--conditions=phalanx-source', '--import', 'tsx', fixture('owner.ts'), what], {
    env: { PHALANX_PYTHON: python },
    reject: false,
  })
  const [line] = (await once(owner.stdout, 'data')) as [Buffer]
  return { owner, workerPid: Number.parseInt(line.toString(), 10) }
}

// The kernel ends the worker; a thread of Python could not while a C call holds the interpreter.
for (const what of ['idle', 'long-call', 'hold-lock']) {
  test(`SIGKILL of Node leaves no worker behind: ${what}`, async () => {
    const { owner, workerPid } = await startOwner(what)
    expect(isAlive(workerPid)).toBe(true)
    owner.kill('SIGKILL')
    await eventually(() => !isAlive(workerPid), 2000)
    await owner
  })
}

test('a program that exits without closing ends at once, and its worker too', async () => {
  const { owner, workerPid } = await startOwner('leak')
  expect(await owner).toMatchObject({ exitCode: 0 })
  await eventually(() => !isAlive(workerPid), 2000)
})

test('messages that a stopped worker never took do not keep the program', async () => {
  const { owner, workerPid } = await startOwner('unsent')
  expect(await owner).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('closed') })
  expect(isAlive(workerPid)).toBe(false)
})

/** Leaves the socket of a process that was killed while it listened. */
async function abandonSocket(path: string): Promise<void> {
  const listener = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await execa('node', ['-e', listener], { reject: false })
}

test('what a worker killed with its program left is removed by the next one, folders in use are not', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'sweep-'))
  const start = () => startWorker({ ...scriptedOptions(), runtimeFolder: parent })
  const living = await start()
  const abandoned = await mkdtemp(join(parent, 'phalanx-'))
  await Promise.all(['control', 'jobs'].map((name) => abandonSocket(join(abandoned, name))))
  await mkdir(join(parent, 'phalanx-mydata'))
  const before = await readdir(parent)
  expect(before).toHaveLength(3)
  const next = await start()
  const after = await readdir(parent)
  expect(before.filter((name) => !after.includes(name))).toEqual([basename(abandoned)])
  expect(after).toHaveLength(3)
  await Promise.all([living, next].map((worker) => worker.close()))
  expect(await readdir(parent)).toEqual(['phalanx-mydata'])
  await rm(parent, { recursive: true })
})
