import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Dealer } from 'zeromq'
import { decode, encode } from '../../src/protocol/codec.ts'
import { controlReply, protocolVersion } from '../../src/protocol/control.ts'
import { jobsReply } from '../../src/protocol/job-messages.ts'
import { schemaSha256 } from '../../src/protocol/schema-sha256.ts'
import { type Endpoint, endpoint as endpointSchema } from '../../src/worker/endpoint.ts'
import { attachWorker, startWorker, type Worker } from '../../src/worker/index.ts'
import { eventually, isAlive, script, scriptedOptions } from './scripted-worker.ts'

let folder: string
let endpointFile: string
let worker: Worker
let endpoint: Endpoint

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attach-'))
  endpointFile = join(folder, 'worker.json')
  worker = await startWorker({ ...scriptedOptions(), endpointFile })
  endpoint = endpointSchema.parse(JSON.parse(await readFile(endpointFile, 'utf8')))
})
afterEach(async () => {
  await worker.close()
  await rm(folder, { recursive: true })
})

test('several clients share one worker; closing one leaves the others and the worker alone', async () => {
  expect((await stat(endpointFile)).mode & 0o777).toBe(0o600)
  await using first = await attachWorker(endpointFile)
  const second = await attachWorker(endpointFile)
  expect([first.identity.pid, second.identity.pid]).toEqual([worker.identity.pid, worker.identity.pid])
  const runs = [worker, first, second].map((client) => client.submit(script('steps', 3)))
  expect(await Promise.all(runs)).toHaveLength(3)
  await second.close()
  await expect(first.submit(script('steps', 1)).result).resolves.toBeDefined()
  await expect(second.submit(script('steps', 1)).result).rejects.toMatchObject({ code: 'worker-closed' })
})

test('a second client follows a job from its first event, while it runs and after its end', async () => {
  await using other = await attachWorker(endpointFile)
  const run = worker.submit(script('steps', '20/0.02'))
  for await (const event of run) if (event.type === 'step-end') break
  for (let i = 0; i < 2; i++) {
    const steps: number[] = []
    for await (const event of other.follow(run.jobId)) if (event.type === 'step-end') steps.push(event.step)
    expect(steps).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  }
  await expect(other.follow('nobody').result).rejects.toMatchObject({ name: 'ProtocolError', code: 'unknown-job' })
})

test('what is no longer kept is an explicit error, not silence', async () => {
  const images = worker.submit(script('images', '400/512'))
  for await (const event of images) expect(event).toBeDefined()
  await using other = await attachWorker(endpointFile)
  await expect(other.follow(images.jobId).result).rejects.toMatchObject({ code: 'events-lost', facts: { wanted: 1 } })
})

test('the death of the worker is told to everyone attached', async () => {
  const other = await attachWorker(endpointFile, { settings: { heartbeatSeconds: 0.2, heartbeatTimeoutSeconds: 1 } })
  const run = other.submit(script('crash'))
  await expect(run.result).rejects.toMatchObject({ name: 'WorkerError', code: 'worker-unresponsive' })
  await other.close()
})

test('an attached client cannot be misled by an old file', async () => {
  await worker.close()
  await expect(attachWorker(endpointFile)).rejects.toMatchObject({ name: 'WorkerError', code: 'no-such-worker' })
  await writeFile(endpointFile, JSON.stringify(endpoint))
  await eventually(() => !isAlive(endpoint.pid), 2000)
  await expect(attachWorker(endpointFile)).rejects.toMatchObject({
    code: 'no-such-worker',
    facts: { pid: endpoint.pid },
  })
})

test('a second worker cannot take a file that is in use', async () => {
  await expect(startWorker({ ...scriptedOptions(), endpointFile })).rejects.toMatchObject({
    name: 'WorkerError',
    code: 'endpoint-file-in-use',
    facts: { pid: worker.identity.pid },
  })
  expect(await worker.ping()).toBeGreaterThan(0)
})

test('messages of an earlier incarnation, of another schema, or that are no messages are refused', async () => {
  const stale = 'ffffffffffffffff'
  const { epoch } = endpoint
  const hello = { type: 'hello', epoch, protocolVersion, schemaSha256, client: 'test' }
  const control = await answers(endpoint.controlEndpoint, [
    encode({ ...hello, epoch: stale }),
    encode({ ...hello, schemaSha256: '0'.repeat(64) }),
    encode({ ...hello, protocolVersion: protocolVersion + 1 }),
    encode({ ...hello, extra: 1 }),
    Buffer.from([0xc1, 0xff]),
    encode(hello),
  ])
  const replies = control.map((bytes) => decode(controlReply, bytes))
  expect(replies.map((reply) => (reply.type === 'refused' ? reply.reason : reply.type))).toEqual([
    'stale-epoch',
    'schema-mismatch',
    'version-mismatch',
    'malformed',
    'malformed',
    'welcome',
  ])
  const job = script('steps', 1)
  const jobs = await answers(endpoint.jobsEndpoint, [
    encode({ type: 'submit', epoch: stale, jobId: 'old', job }),
    encode({ type: 'submit', epoch, jobId: 'bad', job: { ...job, bse: 'x' } }),
  ])
  expect(jobs.map((bytes) => decode(jobsReply, bytes))).toMatchObject([
    { type: 'refused', reason: 'stale-epoch', jobId: 'old' },
    { type: 'refused', reason: 'malformed', jobId: 'bad', message: expect.stringContaining('bse') },
  ])
  expect((await worker.status()).queued).toEqual([])
})

async function answers(address: string, messages: readonly Uint8Array[]): Promise<Buffer[]> {
  const socket = new Dealer({ linger: 0, receiveTimeout: 10_000 })
  try {
    socket.connect(address)
    const replies: Buffer[] = []
    for (const message of messages) {
      await socket.send(message)
      const [reply] = await socket.receive()
      replies.push(reply!)
    }
    return replies
  } finally {
    socket.close()
  }
}
