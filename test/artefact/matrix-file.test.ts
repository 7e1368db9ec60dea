import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMatrix } from '../../src/artefact/matrix-file.ts'
import { tensorFile } from './tensor-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-test-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function written(shape: readonly number[], dtype: string, content: Buffer): Promise<string> {
  const path = join(folder, `${dtype}-${shape.join('x')}.safetensors`)
  const header = JSON.stringify({ features: { dtype, shape, data_offsets: [0, content.length] } })
  await writeFile(path, tensorFile(header, content))
  return path
}

test('rows are read as they were written', async () => {
  const values = Float32Array.from([1, -2.5, 3e-30, 4, 5, 6])
  const rows = await readMatrix(await written([2, 3], 'F32', Buffer.from(values.buffer)))
  expect(rows.map((row) => [...row])).toEqual([[...values.subarray(0, 3)], [...values.subarray(3)]])
})

test('other shapes and types are refused', async () => {
  const bad = [
    [[6], 'F32', 24],
    [[1, 2, 3], 'F32', 24],
    [[2, 3], 'F16', 12],
  ] as const
  for (const [shape, dtype, bytes] of bad) {
    const path = await written(shape, dtype, Buffer.alloc(bytes))
    await expect(readMatrix(path)).rejects.toMatchObject({ code: 'not-a-matrix' })
  }
})
