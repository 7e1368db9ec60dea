import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type Base, type Dataset, full, type Lab, lora } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { filledTensorFile } from '../artefact/tensor-file.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { LocalHub } from '../hub/local-hub.ts'
import { zipArchive } from './zip-archive.ts'

let lab: Lab
let base: Base
let dataset: Dataset
let folder: string
let worker: string
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'a.png': 10, 'b.png': 200 })
  dataset = await lab.dataset(join(lab.folder, 'images'))
  worker = (await drawn()).toString('base64')
})
afterAll(() => lab?.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-test-'))
  return async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
    // The same worker still draws the same with the same base.
    expect((await drawn()).toString('base64')).toBe(worker)
  }
})

async function drawn(): Promise<Buffer> {
  const [image] = await lab.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1 })
  return Buffer.from(image?.pixels ?? [])
}

async function written(content: Buffer, name = 'adapter.safetensors'): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

function used(file: string): Promise<unknown> {
  return Promise.resolve(lab.sample({ base, adapters: [file], prompts: ['a hand'], seeds: [1], steps: 1 }))
}

const layer = 'lora_unet_mid_block_attentions_0_proj_in'
const down = { [`${layer}.lora_down.weight`]: [[2, 8, 1, 1], 1] } as const
const up = { [`${layer}.lora_up.weight`]: [[8, 2, 1, 1], 1] } as const
const key = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
type Tensors = Parameters<typeof filledTensorFile>[0]

test.each<[string, Tensors, string, RegExp]>([
  [
    'of SD 2',
    { [`${key}.lora_down.weight`]: [[1, 1024], 1], [`${key}.lora_up.weight`]: [[4, 1], 1] },
    'family-mismatch',
    /family sd-2.*family sd-1/,
  ],
  ['for SDXL alone', { clip_l: [[1, 768], 1], clip_g: [[1, 1280], 1] }, 'family-mismatch', /family sdxl/],
  ['of which half is there', { ...down }, 'broken-adapter', /lacks \.lora_up\.weight/],
  ['without common rank', { ...down, [`${layer}.lora_up.weight`]: [[8, 3, 1, 1], 1] }, 'broken-adapter', /common rank/],
  [
    'of another width',
    { ...up, [`${layer}.lora_down.weight`]: [[2, 24, 1, 1], 1] },
    'adapter-mismatch',
    /8 from \(24, 1, 1\) in the file and 8 from \(8, 1, 1\) in the base/,
  ],
  [
    'with a layer that no base has',
    { 'lora_unet_x.lora_down.weight': [[1, 1], 1], 'lora_unet_x.lora_up.weight': [[1, 1], 1] },
    'adapter-mismatch',
    /no layer lora_unet_x/,
  ],
  [
    'with unknown tensors',
    { ...down, ...up, 'a.gate': [[1], 1], 'b.gate': [[1], 1] },
    'unsupported-adapter',
    /a\.gate, b\.gate are no parts of a LoRA/,
  ],
  ['with NaN', { ...down, [`${layer}.lora_up.weight`]: [[8, 2, 1, 1], Number.NaN] }, 'broken-adapter', /not finite/],
  ['with infinity in an embedding', { '<hand>': [[1, 8], Number.POSITIVE_INFINITY] }, 'broken-adapter', /not finite/],
])('an adapter %s is refused', async (_, tensors, code, message) => {
  const file = await written(filledTensorFile(tensors))
  await expect(used(file)).rejects.toMatchObject({
    name: 'ArtefactError',
    code,
    message: expect.stringMatching(message),
  })
})

test('a .pt with a payload is refused and runs nothing', async () => {
  const canary = join(folder, 'canary')
  // Protocol 2: the function io.open called with the canary's path and "w".
  const text = (value: string) => Buffer.concat([Buffer.from('X'), length(value), Buffer.from(value)])
  const payload = [
    Buffer.from('\x80\x02cio\nopen\n', 'latin1'),
    text(canary),
    text('w'),
    Buffer.from('\x86R.', 'latin1'),
  ]
  const file = await written(zipArchive({ 'archive/data.pkl': Buffer.concat(payload) }), 'hands.pt')
  await expect(used(file)).rejects.toMatchObject({ name: 'ArtefactError', code: 'pickled-file', message: /io\.open/ })
  expect(existsSync(canary)).toBe(false)
})

function length(value: string): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(Buffer.byteLength(value))
  return bytes
}

test('a base whose weights were cut off, or are a pickle by another name, is refused with the file', async () => {
  const weights = join('unet', 'diffusion_pytorch_model.safetensors')
  const whole = await readFile(join(base.folder, weights))
  const pickle = Buffer.from('\x80\x02}q\x00X\x06\x00\x00\x00', 'latin1')
  const damages = { cut: whole.subarray(0, whole.length / 2), empty: Buffer.alloc(0), pickle }
  for (const [name, content] of Object.entries(damages)) {
    await cp(base.folder, join(folder, name), { recursive: true })
    await writeFile(join(folder, name, weights), content)
    await expect(lab.base(join(folder, name))).rejects.toMatchObject({
      name: 'ArtefactError',
      code: name === 'pickle' ? 'pickled-file' : 'broken-file',
      message: expect.stringContaining(join(name, weights)),
    })
  }
})

test('a checkpoint that changes while it is read is refused, and read once it stays as it is', async () => {
  const technique = full({ parts: ['unet'], layout: 'single-file' })
  const trained = await lab.train({ base, dataset, technique, steps: 1, batchSize: 1 })
  const path = await written(await readFile(trained.folder), 'model.safetensors')
  await cp(join(trained.folder, '..', 'tokenizer'), join(folder, 'tokenizer'), { recursive: true })
  // As a download goes on writing.
  let seconds = 1
  const writing = setInterval(() => void utimes(path, seconds, seconds++), 1)
  try {
    await vi.waitFor(() => expect(lab.base(path)).rejects.toMatchObject({ code: 'changed-file' }), 60_000)
  } finally {
    clearInterval(writing)
  }
  expect((await lab.base(path)).description.sha256).toBe(trained.description.sha256)
})

test('a hub without the model, one that is not there, and one that falls silent', async () => {
  const parts = ['model_index.json', 'unet/config.json', 'unet/diffusion_pytorch_model.safetensors']
  await using hub = await LocalHub.open(Object.fromEntries(parts.map((path) => [path, Buffer.from('{}')])))
  vi.stubEnv('HF_ENDPOINT', hub.endpoint)
  vi.stubEnv('PHALANX_CACHE', folder)
  await expect(lab.base('someone/other')).rejects.toMatchObject({ name: 'ArtefactError', code: 'hub-not-found' })
  hub.faults = { silent: true }
  const reason = new Error('enough')
  const stop = new AbortController()
  const asked = lab.base('someone/hands', { signal: stop.signal })
  // It has listed its files and now says nothing of what is in them.
  const resolved = () => hub.asked.some((path) => path.includes('/resolve/'))
  await vi.waitFor(() => expect(resolved()).toBe(true), 20_000)
  stop.abort(reason)
  await expect(asked).rejects.toBe(reason)
})

test('a rank larger than a dimension is allowed, and said', async () => {
  const run = lab.train({ base, dataset, technique: lora({ rank: 16, alpha: 16 }), steps: 1, batchSize: 1 })
  const warnings: string[] = []
  for await (const event of run) if (event.type === 'log-line' && event.stream === 'warning') warnings.push(event.text)
  expect(warnings).toEqual([expect.stringMatching(/exceeds the full rank of \d+ of \d+ layers.*rank 16 of 4/)])
  const adapter = await run
  expect(await lab.sample({ base, adapters: [adapter], prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
})

test('a result that was changed since is not taken for the training’s', async () => {
  const request = { base, dataset, technique: lora({ rank: 1 }), steps: 1, batchSize: 1, name: 'changed' }
  const { file } = await lab.train(request)
  const content = await readFile(file)
  content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1)
  await writeFile(file, content)
  await expect(lab.train(request).result).rejects.toMatchObject({ name: 'ArtefactError', code: 'changed-file' })
})
