import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RunStream, Worker } from '../../src/worker/index.ts'
import { eventually, isAlive, script, startScripted } from './scripted-worker.ts'

function failureOf(run: RunStream<unknown>): Promise<unknown> {
  return run.result.then(
    () => 'succeeded',
    (error: unknown) => error,
  )
}

async function stepping(run: RunStream<unknown>): Promise<void> {
  for await (const event of run) if (event.type === 'phase-start' && event.phase === 'stepping') return
}

describe('in a job that can be stopped', () => {
  let worker: Worker
  beforeAll(async () => {
    worker = await startScripted({ cancelGraceSeconds: 0.3, cancelKillSeconds: 5 })
  })
  afterAll(() => worker.close())

  test('it stops at its next boundary, and says so; the worker goes on', async () => {
    const controller = new AbortController()
    const run = worker.submit(script('steps', '1000/0.01'), { signal: controller.signal })
    await stepping(run)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await failureOf(run)).toMatchObject({
      name: 'JobError',
      code: 'job-cancelled',
      facts: { level: 'cooperative', resumable: false, checkpoint: null },
      cause: reason,
    })
    await expect(worker.submit(script('steps', 1)).result).resolves.toBeDefined()
  })

  test('a queued job is withdrawn at once, while another one runs', async () => {
    const running = worker.submit(script('steps', '1000/0.01'))
    const queued = worker.submit(script('steps', 1))
    await stepping(running)
    queued.cancel()
    expect(await failureOf(queued)).toMatchObject({ code: 'job-cancelled', facts: { level: 'queued' } })
    expect((await worker.status()).running).toBe(running.jobId)
    running.cancel()
    expect(await failureOf(running)).toMatchObject({ facts: { level: 'cooperative' } })
  })

  test('a signal that is aborted already', async () => {
    const run = worker.submit(script('steps', 1000), { signal: AbortSignal.abort() })
    expect(await failureOf(run)).toMatchObject({ code: 'job-cancelled', facts: { level: 'queued' } })
  })

  test('Python code that never looks gets an exception after the grace; the last checkpoint is named', async () => {
    const { pid } = worker.identity
    const run = worker.submit(script('checkpoint-then-spin', '/some/checkpoint'))
    for await (const event of run) if (event.type === 'checkpoint-end') break
    run.cancel()
    expect(await failureOf(run)).toMatchObject({
      code: 'job-cancelled',
      facts: { level: 'exception', resumable: true, checkpoint: '/some/checkpoint' },
    })
    await expect(worker.submit(script('steps', 1)).result).resolves.toBeDefined()
    expect(worker.identity.pid).toBe(pid)
  })

  test('asking twice does not wait for the grace', async () => {
    const patient = await startScripted({ cancelGraceSeconds: 3600 })
    try {
      const run = patient.submit(script('spin'))
      await stepping(run)
      run.cancel()
      run.cancel()
      expect(await failureOf(run)).toMatchObject({ facts: { level: 'exception' } })
    } finally {
      await patient.close()
    }
  })
})

describe('in one long C call', () => {
  let worker: Worker
  afterEach(() => worker.close())

  for (const name of ['long-call', 'hold-lock']) {
    test(`${name}: the process is ended, and the next job is done by a new one`, async () => {
      worker = await startScripted({ cancelGraceSeconds: 1, cancelKillSeconds: 0.5 })
      const { pid } = worker.identity
      const run = worker.submit(script(name, 600))
      const next = worker.submit(script('steps', 1))
      await stepping(run)
      run.cancel()
      expect(await failureOf(run)).toMatchObject({ code: 'job-cancelled', facts: { level: 'killed' } })
      await eventually(() => !isAlive(pid), 2000)
      await expect(next.result).resolves.toMatchObject({ type: 'inspect-base' })
    })
  }
})

test('closing while a job runs ends it with a typed error', async () => {
  const worker = await startScripted()
  const run = worker.submit(script('steps', '1000/0.01'))
  await stepping(run)
  await worker.close()
  expect(await failureOf(run)).toMatchObject({ name: 'WorkerError', code: 'worker-closed' })
  expect(isAlive(worker.identity.pid)).toBe(false)
  expect(await failureOf(worker.submit(script('steps', 1)))).toMatchObject({ code: 'worker-closed' })
})
