import { open } from 'node:fs/promises'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'

const largestHeader = 100_000_000
const bitsPerElement: Readonly<Record<string, number>> = {
  ...{ F64: 64, F32: 32, F16: 16, BF16: 16, F8_E4M3: 8, F8_E5M2: 8 },
  ...{ I64: 64, I32: 32, I16: 16, I8: 8, U64: 64, U32: 32, U16: 16, U8: 8, BOOL: 8 },
}
const tensorEntry = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
})

/** What a safetensors file says about itself. */
export interface TensorHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** Shape by tensor name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
}

/**
 * Reads the header of a safetensors file and checks that its tensors fill the file without gap or overlap, so that a
 * cut-off or hostile file is known before any of it is loaded.
 * Throws ArtefactError (`missing-file`, `pickled-file`, `broken-file`).
 */
export async function readTensorHeader(path: string): Promise<TensorHeader> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'missing-file',
      message: `${path} cannot be opened. Check the path.`,
      facts: { path },
      cause,
    })
  })
  try {
    const { size } = await file.stat()
    const start = Buffer.alloc(Math.min(8, size))
    await file.read(start, 0, start.length, 0)
    refusePickle(path, start)
    if (size < 8) throw broken(path, 'it is too short')
    const length = Number(start.readBigUInt64LE())
    if (length > Math.min(largestHeader, size - 8)) throw broken(path, `its header wants ${length} bytes of ${size}`)
    const text = Buffer.alloc(length)
    await file.read(text, 0, length, 8)
    return checkedHeader(path, parseHeader(path, text), size - 8 - length)
  } finally {
    await file.close()
  }
}

function parseHeader(path: string, bytes: Buffer): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch (cause) {
    throw broken(path, 'its header is not JSON', cause)
  }
}

function checkedHeader(path: string, header: Record<string, unknown>, stored: number): TensorHeader {
  const { __metadata__: given = {}, ...entries } = header
  const metadata = z.record(z.string(), z.string()).safeParse(given)
  if (!metadata.success) throw broken(path, 'its metadata is not text')
  const places: [number, number][] = []
  const shapes: Record<string, readonly number[]> = {}
  for (const [name, given] of Object.entries(entries)) {
    const entry = tensorEntry.safeParse(given)
    const bits = entry.success ? bitsPerElement[entry.data.dtype] : undefined
    if (!entry.success || bits === undefined) throw broken(path, `tensor "${name}" has no valid shape, place or type`)
    const [begin, end] = entry.data.data_offsets
    const bytes = entry.data.shape.reduce((product, side) => product * side, bits / 8)
    if (end - begin !== bytes) throw broken(path, `tensor "${name}" does not fill its place`)
    places.push([begin, end])
    shapes[name] = entry.data.shape
  }
  places.sort(([a, endA], [b, endB]) => a - b || endA - endB)
  let position = 0
  for (const [begin, end] of places) {
    if (begin !== position) throw broken(path, `its tensors overlap or leave a gap at byte ${position}`)
    position = end
  }
  if (position !== stored) throw broken(path, `its tensors end at byte ${position} of ${stored}`)
  return { metadata: metadata.data, shapes }
}

function refusePickle(path: string, start: Buffer): void {
  const zip = start.subarray(0, 4).equals(Buffer.from('PK\x03\x04'))
  const pickle = start[0] === 0x80 && (start[1] ?? 0) >= 2 && (start[1] ?? 0) <= 5 && start.length >= 2
  // A header of 640 to 1408 bytes begins like a pickle; its length then ends in zeros.
  const length = pickle && start.subarray(2).every((byte) => byte === 0)
  if (!zip && (!pickle || length)) return
  throw new ArtefactError({
    code: 'pickled-file',
    message: `${path} is a pickle, which can run code when it is read, whatever its name says. Convert it in a place you trust: tensors = torch.load(file, weights_only=True), then safetensors.torch.save_file(tensors, file).`,
    facts: { path },
  })
}

function broken(path: string, why: string, cause?: unknown): ArtefactError {
  return new ArtefactError({
    code: 'broken-file',
    message: `${path} is not a whole safetensors file: ${why}. Fetch or copy it again.`,
    facts: { path, why },
    cause,
  })
}
