import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openAdapter } from '../../src/artefact/adapter.ts'
import { decodeRgb, encodePng } from '../../src/artefact/png.ts'
import { type RunRecord, readRunRecord, writeRunRecord } from '../../src/artefact/record.ts'
import { readSeries } from '../../src/artefact/series.ts'
import { readTensorHeader } from '../../src/artefact/tensor-header.ts'
import { resolve } from '../../src/config/resolve.ts'
import { presentation, subsetsOf } from '../../src/config/subset.ts'
import { lora } from '../../src/config/technique.ts'
import { trainingSettings } from '../../src/config/training.ts'
import { tensorFile } from './tensor-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artefact-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const down = { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] }
const up = { dtype: 'F16', shape: [4], data_offsets: [24, 32] }

async function written(content: Buffer | string): Promise<string> {
  const path = join(folder, 'file.safetensors')
  await writeFile(path, content)
  return path
}

test('a whole LoRA file gives kind, metadata, hash and strength', async () => {
  const path = await written(
    tensorFile(
      { 'lora_unet_x.lora_down.weight': down, 'lora_unet_x.alpha': up, __metadata__: { ss_network_dim: '2' } },
      32,
    ),
  )
  const adapter = await openAdapter(path)
  expect(adapter).toMatchObject({ kind: 'lora', file: path, metadata: { ss_network_dim: '2' } })
  expect(adapter.strength(0.5)).toEqual({ file: path, strength: 0.5 })
})

test.each([
  ['of A1111 and sd-scripts', { emb_params: down }],
  ['of SDXL', { clip_l: down, clip_g: up }],
  ['of several tokens', { '<a>': down, '<b>': up, __metadata__: { 'phalanx.tokens': '[]' } }],
])('an embedding %s is known by its tensors', async (_, header) => {
  const data = 'emb_params' in header ? 24 : 32
  expect((await openAdapter(await written(tensorFile(header, data)))).kind).toBe('embedding')
})

test.each([
  'base_model.model.unet.conv_in.lora_A.weight',
  'unet.conv_in.lora_A.default.weight',
  'unet.conv_in.lora.down.weight',
  'unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight',
  'text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight',
  'lora_unet_conv_in.hada_w1_a',
  'lora_unet_conv_in.lokr_w1',
])('a file with %s is a LoRA', async (name) => {
  expect((await openAdapter(await written(tensorFile({ [name]: down }, 24)))).kind).toBe('lora')
})

test.each([
  ['cut off', tensorFile({ a: down }, 20), 'broken-file'],
  ['with bytes at its end', tensorFile({ a: down }, 28), 'broken-file'],
  ['too short', Buffer.alloc(3), 'broken-file'],
  ['empty', Buffer.alloc(0), 'broken-file'],
  ['with a huge header', Buffer.from('ffffffffffffff7f', 'hex'), 'broken-file'],
  ['with a header that is not JSON', tensorFile('{"a"', 0), 'broken-file'],
  ['with a header that is a list', tensorFile('[]', 0), 'broken-file'],
  ['with overlapping tensors', tensorFile({ a: down, b: { ...down } }, 24), 'broken-file'],
  ['with a gap', tensorFile({ a: down, b: { ...up, data_offsets: [26, 34] } }, 34), 'broken-file'],
  ['with a shape that does not fill its place', tensorFile({ a: { ...down, shape: [9] } }, 24), 'broken-file'],
  ['with an unknown type', tensorFile({ a: { ...down, dtype: 'X' } }, 24), 'broken-file'],
  ['with metadata that is not text', tensorFile({ a: down, __metadata__: { x: 1 } }, 24), 'broken-file'],
  ['that is a pickle', Buffer.from('80049500000000000000', 'hex').fill(7, 3), 'pickled-file'],
  ['that is a torch archive', Buffer.from('PK\x03\x04archive/data.pkl'), 'pickled-file'],
])('a file %s is refused', async (_, content, code) => {
  await expect(readTensorHeader(await written(content))).rejects.toMatchObject({ name: 'ArtefactError', code })
})

test('a header whose length looks like the start of a pickle is read', async () => {
  const text = JSON.stringify({ a: down }).padEnd(0x0480)
  expect((await readTensorHeader(await written(tensorFile(text, 24)))).shapes).toEqual({ a: [2, 3] })
})

test('whatever the bytes, the error is typed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
      await expect(readTensorHeader(await written(Buffer.from(bytes)))).rejects.toMatchObject({ name: 'ArtefactError' })
    }),
    { numRuns: 50 },
  )
})

test('a torch archive named .pt or .bin counts as an embedding, a bare pickle does not', async () => {
  const path = join(folder, 'five.pt')
  await writeFile(path, 'PK\x03\x04archive/data.pkl')
  expect(await openAdapter(path)).toMatchObject({ kind: 'embedding', file: path, metadata: {} })
  await writeFile(path, Buffer.from('8002', 'hex').toString('latin1').padEnd(20, '.'), 'latin1')
  await expect(openAdapter(path)).rejects.toMatchObject({ code: 'pickled-file' })
  await writeFile(path, '')
  await expect(openAdapter(path)).rejects.toMatchObject({ code: 'broken-file' })
  await expect(openAdapter(join(folder, 'no.bin'))).rejects.toMatchObject({ code: 'missing-file' })
})

test('files of other kinds and missing files are refused', async () => {
  const model = tensorFile({ 'unet.a': down, 'unet.b': { ...up } }, 32)
  await expect(openAdapter(await written(model))).rejects.toMatchObject({ code: 'unknown-adapter' })
  await expect(openAdapter(join(folder, 'no'))).rejects.toMatchObject({ code: 'missing-file' })
})

const line = { step: 1, loss: 0.5, learningRate: 1e-4, gradientNorm: 1, seconds: 0.1 }

test('a series leaves out the line that is being written, and refuses a broken one', async () => {
  const path = join(folder, 'series.jsonl')
  await writeFile(path, `${JSON.stringify(line)}\n${JSON.stringify({ ...line, step: 2 })}\n{"step": 3, "lo`)
  expect((await readSeries(path)).map(({ step }) => step)).toEqual([1, 2])
  await writeFile(path, `${JSON.stringify(line)}\n{"step": "two"}\n`)
  await expect(readSeries(path)).rejects.toMatchObject({ code: 'broken-series', facts: { line: 2 } })
  await expect(readSeries(join(folder, 'no'))).rejects.toMatchObject({ code: 'missing-file' })
})

test('a record comes back as it was written; one that was altered does not', async () => {
  const hash = 'a'.repeat(64)
  const settings = resolve(trainingSettings, { technique: lora() }, 'training')
  const result = {
    path: 'x.safetensors',
    sha256: hash,
    bytes: 1,
    kind: 'lora' as const,
    approximation: null,
    steps: 1,
    resumedFrom: 0,
    finalLoss: 1,
    skippedSteps: 0,
    exportedStep: 1,
    heldOutLoss: null,
    seconds: 1,
    peakMemoryBytes: 1,
    trainedParameters: 1,
    series: 'series.jsonl',
    truncatedCaptions: 0,
  }
  const record: RunRecord = {
    format: 'phalanx-run',
    version: 1,
    name: 'x',
    config: hash,
    settings,
    engine: 'phalanx',
    base: { name: 'b', sha256: hash },
    subsets: subsetsOf({ ...presentation.parse({}), dataset: { sha256: hash, images: 1 } }),
    versions: { torch: '1' },
    device: 'cpu',
    requirementsSha256: null,
    best: null,
    result,
  }
  await expect(readRunRecord(folder)).rejects.toMatchObject({ name: 'ArtefactError', code: 'run-unfinished' })
  await writeRunRecord(folder, record)
  expect(await readRunRecord(folder)).toEqual(record)
  await writeFile(join(folder, 'run.json'), JSON.stringify({ ...record, surprise: 1 }))
  await expect(readRunRecord(folder)).rejects.toMatchObject({ code: 'run-record-invalid' })
  await expect(writeRunRecord(join(folder, 'no'), record)).rejects.toMatchObject({ code: 'write-failed' })
})

test('PNG keeps every pixel', async () => {
  const pixels = Uint8Array.from({ length: 5 * 7 * 3 }, (_, i) => (i * 37) % 256)
  const decoded = await decodeRgb(await encodePng({ pixels, width: 5, height: 7 }, { parameters: 'a hand' }))
  expect(decoded).toEqual({ pixels, width: 5, height: 7 })
})
