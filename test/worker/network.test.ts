import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { curveKeyPair, Dealer, type SocketOptions } from 'zeromq'
import { encode } from '../../src/protocol/codec.ts'
import { type Endpoint, endpoint } from '../../src/worker/endpoint.ts'
import { attachWorker, startWorker, type Worker } from '../../src/worker/index.ts'
import { script, scriptedOptions } from './scripted-worker.ts'

let folder: string
let endpointFile: string
let worker: Worker | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'network-'))
  endpointFile = join(folder, 'worker.json')
})
afterEach(async () => {
  await worker?.close()
  worker = undefined
  await rm(folder, { recursive: true })
})

async function listening(listen: string): Promise<Endpoint> {
  worker = await startWorker({ ...scriptedOptions({ listen }), endpointFile, runtimeFolder: folder })
  return endpoint.parse(JSON.parse(await readFile(endpointFile, 'utf8')))
}

test('a worker on the network is attached to with the keys of its endpoint file, and its owner uses it as always', async () => {
  const { controlEndpoint, jobsEndpoint, keys } = await listening('tcp://127.0.0.1')
  expect([controlEndpoint, jobsEndpoint]).toEqual(Array(2).fill(expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/)))
  expect((await stat(endpointFile)).mode & 0o777).toBe(0o600)
  await using other = await attachWorker(endpointFile)
  expect(other.identity.pid).toBe(worker?.identity.pid)
  let bytes = 0
  const run = other.submit(script('images', '3/64'))
  for await (const event of run) if (event.type === 'image-end') bytes += event.pixels.byteLength
  expect(bytes).toBe(3 * 64 * 64 * 3)
  await expect(worker?.submit(script('steps', 2)).result).resolves.toBeDefined()
  // The secret half never reaches the worker, whose arguments anybody on the machine can read.
  if (process.platform !== 'linux') return
  const { pid } = other.identity
  for (const place of ['cmdline', 'environ']) {
    expect(await readFile(`/proc/${pid}/${place}`, 'utf8')).not.toContain(keys?.secretKey)
  }
})

test('who has no keys, or others, gets nothing', async () => {
  const { controlEndpoint, jobsEndpoint, epoch, keys } = await listening('tcp://127.0.0.1')
  const stranger = curveKeyPair()
  const { serverKey } = keys!
  const attempts: SocketOptions<Dealer>[] = [
    {},
    { curveServerKey: serverKey, curvePublicKey: stranger.publicKey, curveSecretKey: stranger.secretKey },
    { curveServerKey: stranger.publicKey, curvePublicKey: keys!.publicKey, curveSecretKey: keys!.secretKey },
  ]
  for (const options of attempts) {
    for (const address of [controlEndpoint, jobsEndpoint]) {
      const socket = new Dealer({ linger: 0, receiveTimeout: 500, sendTimeout: 500, ...options })
      socket.connect(address)
      const asked = socket.send(encode({ type: 'ping', epoch, id: 1 })).then(() => socket.receive())
      await expect(asked).rejects.toThrow(/timed out|not possible/)
      socket.close()
    }
  }
  expect(await worker?.ping()).toBeGreaterThan(0)
})

test('a file of an earlier worker at the same address is told at once, not by a timeout', async () => {
  const present = await listening('tcp://127.0.0.1')
  const { publicKey, secretKey } = curveKeyPair()
  const stale = [
    { ...present.keys!, publicKey, secretKey },
    { ...present.keys!, serverKey: publicKey },
  ]
  for (const keys of stale) {
    const old = join(folder, 'old.json')
    await writeFile(old, JSON.stringify({ ...present, keys }))
    await expect(attachWorker(old, { settings: { readySeconds: 600 } })).rejects.toMatchObject({
      name: 'WorkerError',
      code: 'worker-refused',
      facts: { controlEndpoint: present.controlEndpoint },
    })
  }
})

test('a worker on another machine is not looked for among the processes of this one', async () => {
  const present = await listening('tcp://127.0.0.1')
  const elsewhere = join(folder, 'elsewhere.json')
  await writeFile(elsewhere, JSON.stringify({ ...present, host: 'elsewhere', pid: 2 ** 22 + 1 }))
  await using other = await attachWorker(elsewhere)
  expect(other.identity.pid).toBe(worker?.identity.pid)
})

test('a port that another program has, the second one included, is told with what to do', async () => {
  for (const offset of [0, 1]) {
    const { server, port } = await listener()
    const start = listening(`tcp://127.0.0.1:${port - offset}`)
    await expect(start).rejects.toMatchObject({
      name: 'WorkerError',
      code: 'port-in-use',
      message: expect.stringMatching(/in use by another program; choose another port/),
      facts: { endpoint: `tcp://127.0.0.1:${port}` },
    })
    server.close()
    expect((await readdir(folder)).filter((name) => name.startsWith('phalanx-'))).toEqual([])
  }
})

test('an address that is not of this machine, and settings that name none', async () => {
  await expect(listening('tcp://192.0.2.1')).rejects.toMatchObject({ name: 'WorkerError', code: 'socket-unusable' })
  for (const listen of [
    'tcp',
    'tcp://',
    'udp://127.0.0.1',
    'tcp://127.0.0.1:0',
    'tcp://a:65535',
    'tcp://0.0.0.0:5601',
  ]) {
    await expect(listening(listen)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('listen'),
    })
  }
})

function listener(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 })
    })
  })
}
