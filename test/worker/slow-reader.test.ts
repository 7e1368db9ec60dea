import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunEvent, Worker } from '../../src/worker/index.ts'
import { script, startScripted } from './scripted-worker.ts'

const imageBytes = 512 * 512 * 3
let worker: Worker
beforeAll(async () => {
  worker = await startScripted({
    progressBuffer: 50,
    blobCreditBytes: 4 * imageBytes,
    watchdogSeconds: { sampling: 1 },
  })
})
afterAll(() => worker.close())

test('progress is thinned and counted, the last one and the result arrive', async () => {
  const run = worker.submit(script('steps', 20_000))
  const events: RunEvent[] = []
  for await (const event of run) {
    if (events.length === 0) await run.result
    events.push(event)
  }
  const steps = events.filter((event) => event.type === 'step-end').map((event) => event.step)
  expect(steps.length).toBeLessThanOrEqual(51)
  expect(steps.length + run.droppedProgress).toBe(20_000)
  expect(steps.at(-1)).toBe(20_000)
  expect(steps).toEqual(steps.toSorted((left, right) => left - right))
})

test('images hold the job back instead of filling memory, none is lost, and waiting is no stall', async () => {
  const count = 300
  const before = process.memoryUsage().rss
  const run = worker.submit(script('images', `${count}/512`))
  const seen: number[] = []
  let largest = 0
  for await (const event of run) {
    if (event.type !== 'image-end') continue
    // Longer than the watchdog's limit for a job that samples.
    if (seen.length === 0) {
      await delay(1500)
      largest = process.memoryUsage().rss - before
      expect((await worker.status()).residentBytes).toBeLessThan(120_000_000)
    }
    expect(event.pixels[imageBytes - 1]).toBe(event.index % 256)
    seen.push(event.index)
  }
  expect(seen).toEqual(Array.from({ length: count }, (_, index) => index))
  expect(largest).toBeLessThan(80_000_000)
  await expect(run.result).resolves.toBeDefined()
}, 20_000)

test('who only awaits the result is not held back by images', async () => {
  await expect(worker.submit(script('images', '20/512')).result).resolves.toBeDefined()
})

test('a loop that is left gives way', async () => {
  const run = worker.submit(script('images', '20/512'))
  for await (const event of run) if (event.type === 'image-end') break
  await expect(run.result).resolves.toBeDefined()
})

// As fast as they come, most are thinned before they are sent; at a pace, they fill every queue on the way.
test.each(['20000', '10000/0.0001'])(
  'an event loop that is blocked for a while loses nothing but progress: %s',
  async (pace) => {
    const run = worker.submit(script('steps', pace))
    const steps: number[] = []
    for await (const event of run) {
      if (event.type !== 'step-end') continue
      if (steps.length === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
      steps.push(event.step)
    }
    const count = Number.parseInt(pace, 10)
    expect(steps.at(-1)).toBe(count)
    expect(steps.length + run.droppedProgress).toBe(count)
  },
)
