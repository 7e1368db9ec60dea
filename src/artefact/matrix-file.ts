import { readFile } from 'node:fs/promises'
import { ArtefactError } from '../errors/index.ts'
import { readTensorHeader } from './tensor-header.ts'

/**
 * The rows of a safetensors file that holds one float32 matrix. Throws ArtefactError (`not-a-matrix`, and as
 * `readTensorHeader`).
 */
export async function readMatrix(path: string): Promise<Float32Array[]> {
  const { shapes } = await readTensorHeader(path)
  const [shape, ...others] = Object.values(shapes)
  const [rows, width, ...deeper] = shape ?? []
  const content = await readFile(path)
  const start = 8 + Number(content.readBigUInt64LE())
  if (
    rows === undefined ||
    width === undefined ||
    deeper.length + others.length > 0 ||
    content.length - start !== 4 * rows * width
  ) {
    throw new ArtefactError({
      code: 'not-a-matrix',
      message: `${path} does not hold one matrix of float32. Make it anew.`,
      facts: { path },
    })
  }
  const values = new Float32Array(new Uint8Array(content.subarray(start)).buffer)
  return Array.from({ length: rows }, (_, i) => values.subarray(i * width, (i + 1) * width))
}
