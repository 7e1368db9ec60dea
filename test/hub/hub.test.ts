import { cp, mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { baseFiles } from '../../src/hub/base-files.ts'
import { type FetchProgress, fetchModel } from '../../src/hub/fetch-model.ts'
import { bases, extractors, parseModelId, publishedBases } from '../../src/hub/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { commit, LocalHub } from './local-hub.ts'

const weights = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251))
const files = {
  'README.md': Buffer.from('not needed'),
  'model_index.json': Buffer.from('{}'),
  'unet/config.json': Buffer.from('{"a": 1}'),
  'unet/diffusion_pytorch_model.safetensors': weights,
  'unet/diffusion_pytorch_model.fp16.safetensors': Buffer.from('half'),
  'unet/diffusion_pytorch_model.bin': Buffer.from('pickle'),
  'vae/diffusion_pytorch_model.fp16.safetensors': Buffer.from('only half'),
  'text_encoder/model.safetensors': Buffer.from('texts'),
  'tokenizer/vocab.json': Buffer.from('{}'),
  'tokenizer/merges.txt': Buffer.from('a b'),
  'safety_checker/model.safetensors': Buffer.from('not needed'),
}
const needed = [
  'model_index.json',
  'text_encoder/model.safetensors',
  'tokenizer/merges.txt',
  'tokenizer/vocab.json',
  'unet/config.json',
  'unet/diffusion_pytorch_model.safetensors',
  'vae/diffusion_pytorch_model.fp16.safetensors',
]
const model = { id: 'someone/hands', revision: 'main' }
const patience = { idleMilliseconds: 300, attempts: 3, pauseMilliseconds: 5 }

let hub: LocalHub
let folder: string
beforeEach(async () => {
  hub = await LocalHub.open(files)
  folder = await mkdtemp(join(tmpdir(), 'phalanx-test-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await hub[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

function fetched(revision = 'main', more: Parameters<typeof fetchModel>[2] = {}): Promise<string> {
  return fetchModel({ ...model, revision }, bases, {
    folder,
    patience,
    hub: { endpoint: hub.endpoint, token: null },
    ...more,
  })
}

async function listed(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return paths
    .map((path) => path.slice(root.length + 1))
    .filter((path) => path !== 'phalanx-model.json')
    .sort()
}

test('a base is fetched once, only the files it needs, and found again without the hub', async () => {
  const told: FetchProgress[] = []
  const root = await fetched('main', { onProgress: (progress) => told.push(progress) })
  expect(root).toBe(join(folder, 'someone--hands', commit))
  expect(await listed(root)).toEqual(needed)
  expect(await readFile(join(root, 'unet/diffusion_pytorch_model.safetensors'))).toEqual(weights)
  const last = told.at(-1)
  expect(last).toMatchObject({ id: 'someone/hands', commit, doneBytes: last?.totalBytes })
  expect(told.map(({ doneBytes }) => doneBytes)).toEqual(told.map(({ doneBytes }) => doneBytes).sort((a, b) => a - b))
  // What is fetched is named by the commit, so that a branch that moves meanwhile mixes nothing.
  expect(hub.asked.slice(1).every((path) => path.includes(`/resolve/${commit}/`))).toBe(true)

  const before = hub.asked.length
  expect(await fetched(commit)).toBe(root)
  expect(hub.asked.length).toBe(before)
  const gone = { endpoint: hub.endpoint, token: null }
  await hub[Symbol.asyncDispose]()
  expect(await fetched('main', { hub: gone })).toBe(root)
  hub = await LocalHub.open(files)
})

test('a connection that breaks is gone on from where it ended', async () => {
  hub.faults = { breakAfter: 30_000 }
  const root = await fetched()
  expect(await readFile(join(root, 'unet/diffusion_pytorch_model.safetensors'))).toEqual(weights)
  const ranges = hub.asked.flatMap((line) => (/bytes=(\d+)-/.exec(line) ?? []).slice(1))
  expect(ranges).toEqual(['30000', '60000', '90000'])
})

test('what a killed process left is gone on from', async () => {
  await fetched()
  const root = join(folder, 'someone--hands', commit)
  const path = join(root, 'unet/diffusion_pytorch_model.safetensors')
  await cp(path, `${path}.partial`)
  await truncate(`${path}.partial`, 60_000)
  await rm(path)
  await rm(join(root, 'phalanx-model.json'))
  hub.asked.length = 0
  await fetched()
  expect(hub.asked).toEqual([
    '/api/models/someone/hands/revision/main',
    `/someone/hands/resolve/${commit}/unet/diffusion_pytorch_model.safetensors bytes=60000-`,
  ])
  expect(await readFile(path)).toEqual(weights)
})

test('a hub that is busy is asked again; one that falls silent is given up, and what came is kept', async () => {
  hub.faults = { busy: 2 }
  await fetched()
  await rm(folder, { recursive: true })
  hub.faults = { silent: true }
  await expect(fetched()).rejects.toMatchObject({ name: 'ArtefactError', code: 'hub-unreachable' })
  await stat(join(folder, 'someone--hands', commit))
  hub.faults = {}
  await fetched()
})

test.each(['unet/diffusion_pytorch_model.safetensors', 'unet/config.json'])(
  'other bytes than announced in %s are refused, and never take its name',
  async (corrupt) => {
    hub.faults = { corrupt }
    await expect(fetched()).rejects.toMatchObject({ code: 'hub-checksum', facts: { path: corrupt } })
    expect(await listed(join(folder, 'someone--hands', commit))).not.toContain(corrupt)
    hub.faults = {}
    await fetched()
  },
)

test.each([
  [404, 'hub-not-found'],
  [401, 'hub-refused'],
  [403, 'hub-refused'],
  [500, 'hub-unreachable'],
])('an answer of %i is the error %s', async (status, code) => {
  hub.faults = { status }
  await expect(fetched()).rejects.toMatchObject({ name: 'ArtefactError', code })
})

test('without a network and without a cache it says what to do; stopping it ends it with the reason', async () => {
  const dead = { endpoint: 'http://127.0.0.1:9', token: null }
  await expect(fetched('main', { hub: dead })).rejects.toMatchObject({ code: 'hub-unreachable' })
  hub.faults = { silent: true }
  const reason = new Error('enough')
  const signal = AbortSignal.timeout(50)
  await expect(fetched('main', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await expect(fetched('main', { signal, patience: { ...patience, idleMilliseconds: 60_000 } })).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})

test('the token goes to the hub and into no error', async () => {
  const seen: (string | undefined)[] = []
  const { createServer } = await import('node:http')
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(403).end()
  }).listen(0)
  const { port } = server.address() as { port: number }
  const secret = { endpoint: `http://127.0.0.1:${port}`, token: 'hf_secret' }
  const failure = await fetched('main', { hub: secret }).catch((error: Error) => error)
  server.close()
  expect(seen).toEqual(['Bearer hf_secret'])
  expect(JSON.stringify(failure) + String(failure)).not.toContain('hf_secret')
})

test('two processes that want the same base fetch it once', async () => {
  const [one, other] = await Promise.all([fetched(), fetched()])
  expect(one).toBe(other)
  expect(hub.asked.filter((path) => path.includes('unet/config.json'))).toHaveLength(1)
})

test('what is no base, or has its weights only as a pickle, is refused before anything is fetched', () => {
  const file = (path: string) => ({ path, size: 1, sha256: null, gitSha1: '' })
  expect(() => baseFiles('a/b', [file('model.safetensors')])).toThrowError(
    expect.objectContaining({ code: 'not-a-base' }),
  )
  const pickled = ['model_index.json', 'unet/config.json', 'unet/diffusion_pytorch_model.bin'].map(file)
  expect(() => baseFiles('a/b', pickled)).toThrowError(
    expect.objectContaining({ code: 'pickled-file', facts: expect.objectContaining({ part: 'unet' }) }),
  )
})

test('of an extractor its weights, configs and tokenizer are fetched, and one that is pickled is refused', async () => {
  const extractor = {
    'README.md': Buffer.from('not needed'),
    'config.json': Buffer.from('{}'),
    'preprocessor_config.json': Buffer.from('{}'),
    'vocab.json': Buffer.from('{}'),
    'model.safetensors': weights,
    'pytorch_model.bin': Buffer.from('pickle'),
  }
  await using served = await LocalHub.open(extractor)
  const options = { folder, patience, hub: { endpoint: served.endpoint, token: null } }
  const found = await fetchModel(model, extractors, options)
  const { 'README.md': _text, 'pytorch_model.bin': _pickle, ...wanted } = extractor
  expect(await listed(found)).toEqual(Object.keys(wanted).sort())
  const { 'model.safetensors': _weights, ...pickled } = extractor
  await using other = await LocalHub.open(pickled)
  const refused = fetchModel(model, extractors, {
    ...options,
    folder: `${folder}/b`,
    hub: { endpoint: other.endpoint, token: null },
  })
  await expect(refused).rejects.toMatchObject({ code: 'pickled-file' })
  await using empty = await LocalHub.open({ 'config.json': Buffer.from('{}') })
  const lacking = fetchModel(model, extractors, {
    ...options,
    folder: `${folder}/c`,
    hub: { endpoint: empty.endpoint, token: null },
  })
  await expect(lacking).rejects.toMatchObject({
    code: 'not-an-extractor',
    facts: { lacking: 'preprocessor_config.json' },
  })
})

test('ids are owner, name and revision; paths that lead elsewhere are none', () => {
  expect(parseModelId('a/b')).toEqual({ id: 'a/b', revision: 'main' })
  expect(parseModelId('a/b.c-d@refs/pr/1')).toEqual({ id: 'a/b.c-d', revision: 'refs/pr/1' })
  for (const text of ['a', 'a/b/c', '../b', 'a/..', 'a/b@', 'a/b@..', './a', '/a/b', ''])
    expect(parseModelId(text)).toBe(null)
  for (const { revision } of Object.values(publishedBases)) expect(revision).toMatch(/^[0-9a-f]{40}$/)
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = parseModelId(text)
      return found === null || !`${found.id}/${found.revision}`.split('/').includes('..')
    }),
  )
})

test('a lab opens a base by its id, tells how far it is, and keeps it in the cache', async () => {
  await using lab = await openTestLab({ onProgress: ({ type }) => told.push(type) })
  const told: string[] = []
  const own = await tinyBase(lab)
  const paths = (await readdir(own.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const content = await Promise.all(
    paths.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path.slice(own.folder.length + 1), await readFile(path)] as const
    }),
  )
  await using served = await LocalHub.open(Object.fromEntries(content))
  vi.stubEnv('HF_ENDPOINT', served.endpoint)
  vi.stubEnv('PHALANX_CACHE', folder)
  const base = await lab.base('someone/hands@main')
  expect(base.description).toEqual(own.description)
  expect(told).toContain('model-fetch')
  expect(base.folder.startsWith(folder)).toBe(true)
  await expect(lab.base('someone/other')).rejects.toMatchObject({ code: 'hub-not-found' })
})
