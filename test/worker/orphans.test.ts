import { once } from 'node:events'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { eventually, fixture, isAlive, python } from './scripted-worker.ts'

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
