import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { RunEvent, Worker } from '../../src/worker/index.ts'
import { script, startScripted } from './scripted-worker.ts'

let worker: Worker
beforeAll(async () => {
  worker = await startScripted({ progressBuffer: 20 })
}, 60_000)
afterAll(() => worker.close())

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const collected: RunEvent[] = []
  for await (const event of events) collected.push(event)
  return collected
}

test('a run gives its events in order and its result, integers beyond 32 bits included', async () => {
  const run = worker.submit(script('steps', 10))
  const events = await collect(run)
  const steps = events.filter((event) => event.type === 'step-end').map((event) => event.step)
  expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(events[0]).toEqual({ type: 'phase-start', phase: 'loading', total: 0 })
  expect((await run).imageSize).toBe(2 ** 40)
  expect(run.droppedProgress).toBe(0)
})

test('images arrive with their pixels', async () => {
  const events = await collect(worker.submit(script('images', '3/8')))
  const images = events.filter((event) => event.type === 'image-end')
  expect(images.map(({ index, pixels }) => [index, pixels.length, pixels[0]])).toEqual([
    [0, 192, 0],
    [1, 192, 1],
    [2, 192, 2],
  ])
})

test('a Python exception arrives with code, traceback, cause chain and the last lines', async () => {
  const failure: unknown = await worker.submit(script('fail', 'because')).result.catch((error: unknown) => error)
  expect(failure).toMatchObject({
    name: 'JobError',
    code: 'python-exception',
    message: 'ValueError: because',
    facts: { className: 'ValueError', logLines: ['about to fail'], retryable: false },
    cause: { name: 'ValueError', cause: { name: 'KeyError' } },
  })
  expect((failure as Error & { cause: Error }).cause.stack).toContain('scripted.py')
})

test('jobs run one at a time in order, and the status names them', async () => {
  const first = worker.submit(script('steps', '1000/0.01'))
  const second = worker.submit(script('steps', 1))
  // Jobs and status travel on different sockets: the worker may answer before it has read the second job.
  await vi.waitFor(async () => {
    expect(await worker.status()).toMatchObject({ running: first.jobId, queued: [second.jobId] })
  }, 5000)
  first.cancel()
  const order: string[] = []
  await Promise.all([first.result.catch(() => order.push('first')), second.result.then(() => order.push('second'))])
  expect(order).toEqual(['first', 'second'])
})

test('leaving the loop early detaches and does not cancel', async () => {
  const run = worker.submit(script('steps', '5/0.02'))
  for await (const event of run) if (event.type === 'step-end') break
  await expect(run.result).resolves.toMatchObject({ type: 'inspect-base' })
})

test('a job the schema refuses is named before it is sent', () => {
  expect(() => worker.submit({ type: 'classify', classifier: '', files: [], batchSize: 1 })).toThrowError(
    expect.objectContaining({ name: 'ConfigError', code: 'invalid-job', facts: { path: 'files' } }),
  )
})

test('ping is answered while a job runs Python code', async () => {
  const run = worker.submit(script('steps', '20/0.01'))
  expect(await worker.ping()).toBeGreaterThan(0)
  await run.result
})
