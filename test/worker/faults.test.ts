import { afterEach, expect, test } from 'vitest'
import type { WorkerSettingsInput } from '../../src/config/worker.ts'
import type { RunEvent, Worker } from '../../src/worker/index.ts'
import { eventually, isAlive, script, startScripted } from './scripted-worker.ts'

let worker: Worker | undefined
afterEach(() => worker?.close())

async function start(settings: WorkerSettingsInput): Promise<Worker> {
  worker = await startScripted(settings)
  return worker
}

/** Reads until an event of this type came. */
async function until(events: AsyncIterable<RunEvent>, type: RunEvent['type']): Promise<void> {
  for await (const event of events) if (event.type === type) return
}

function failureOf(run: { result: Promise<unknown> }): Promise<unknown> {
  return run.result.then(
    () => 'succeeded',
    (error: unknown) => error,
  )
}

test('SIGKILL of the worker fails what runs with its signal, and the next job gets a new worker', async () => {
  const { submit, identity } = await bound(await start({}))
  const run = submit(script('steps', '1000/0.01'))
  await until(run, 'step-end')
  process.kill(identity.pid, 'SIGKILL')
  expect(await failureOf(run)).toMatchObject({
    name: 'WorkerError',
    code: 'worker-died',
    facts: { pid: identity.pid, signal: 'SIGKILL' },
  })
  await expect(submit(script('steps', 1)).result).resolves.toBeDefined()
  expect(worker?.identity.pid).not.toBe(identity.pid)
  expect(worker?.identity.epoch).not.toBe(identity.epoch)
})

test('jobs that had not begun are done by the new worker; with restarts 0 they fail', async () => {
  for (const restarts of [1, 0]) {
    const { submit } = await bound(await start({ restarts }))
    const [first, second] = [submit(script('crash')), submit(script('steps', 2))]
    expect(await failureOf(first)).toMatchObject({ code: 'worker-died', facts: { signal: 'SIGSEGV' } })
    if (restarts === 1) await expect(second.result).resolves.toMatchObject({ type: 'inspect-base' })
    else expect(await failureOf(second)).toMatchObject({ code: 'worker-died' })
    await worker?.close()
  }
})

test('a segfault in a step names the signal and the last words, Python frames included', async () => {
  const { submit } = await bound(await start({}))
  const failure = (await failureOf(submit(script('crash')))) as Error & { facts: { logLines: string[] } }
  expect(failure.message).toContain('SIGSEGV')
  expect(failure.facts.logLines).toContain('just before the crash')
  expect(failure.facts.logLines.join('\n')).toContain('in crash')
})

test('a stopped worker (SIGSTOP) is noticed by the missing heartbeats and ended', async () => {
  const settings = { heartbeatSeconds: 0.2, heartbeatTimeoutSeconds: 1 }
  const { submit, identity } = await bound(await start(settings))
  expect(await failureOf(submit(script('stop')))).toMatchObject({ name: 'WorkerError', code: 'worker-unresponsive' })
  await eventually(() => !isAlive(identity.pid), 2000)
})

test('a job without progress is stopped by the watchdog of its phase', async () => {
  const { submit, identity } = await bound(await start({ watchdogSeconds: { stepping: 0.5 } }))
  expect(await failureOf(submit(script('stall', 60)))).toMatchObject({
    name: 'WorkerError',
    code: 'job-stalled',
    facts: { phase: 'stepping', seconds: 0.5 },
  })
  await eventually(() => !isAlive(identity.pid), 2000)
})

test('a C call that holds the interpreter for longer than the heartbeat timeout is no death', async () => {
  const { submit, identity } = await bound(await start({ heartbeatSeconds: 0.2, heartbeatTimeoutSeconds: 1 }))
  await expect(submit(script('hold-lock', 3)).result).resolves.toBeDefined()
  expect(worker?.identity.pid).toBe(identity.pid)
})

test('a grandchild ends with its worker', async () => {
  const { submit, identity } = await bound(await start({}))
  let grandchild = 0
  for await (const event of submit(script('grandchild'))) {
    if (event.type === 'log-line') grandchild = Number(event.text)
  }
  expect(isAlive(grandchild)).toBe(true)
  await worker?.close()
  await eventually(() => !isAlive(grandchild) && !isAlive(identity.pid), 2000)
})

test('100 MB of printed lines cost a few hundred events, are counted, and the job goes on', async () => {
  const { submit } = await bound(await start({}))
  const run = submit(script('print', 100_000_000))
  let lines = 0
  for await (const event of run) if (event.type === 'log-line' && event.stream !== 'warning') lines += 1
  expect(lines + run.droppedLines).toBe(1_000_000)
  expect(lines).toBeLessThan(20_000)
  expect((await worker!.status()).residentBytes).toBeLessThan(300_000_000)
}, 60_000)

test('a C library that prints megabytes while it holds the interpreter does not block', async () => {
  const { submit } = await bound(await start({}))
  await expect(submit(script('print-holding-lock', 20_000_000)).result).resolves.toBeDefined()
})

async function bound(started: Worker): Promise<Pick<Worker, 'submit' | 'identity'>> {
  return { submit: started.submit.bind(started), identity: started.identity }
}
