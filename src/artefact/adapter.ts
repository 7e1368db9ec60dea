import { open } from 'node:fs/promises'
import { resolve as absolute, extname } from 'node:path'
import type { AdapterReferenceInput } from '../config/sampling.ts'
import { ArtefactError } from '../errors/index.ts'
import { sha256File } from '../util/sha256-file.ts'
import { readTensorHeader } from './tensor-header.ts'

/** A small file that changes a base, made by a technique or shared by somebody. */
export interface Adapter {
  readonly type: 'adapter'
  /** Absolute path of the `.safetensors` file; embeddings may also be a `.pt` or `.bin` that `torch.save` wrote. */
  readonly file: string
  readonly kind: 'lora' | 'embedding'
  /** Of the file's bytes. */
  readonly sha256: string
  /** Text fields of its header; those of kohya sd-scripts begin with `ss_`. A `.pt` has none. */
  readonly metadata: Readonly<Record<string, string>>
  /** This adapter with its change multiplied by `strength`; embeddings ignore it. */
  strength(strength: number): AdapterReferenceInput
}

/**
 * Opens an adapter file without loading it. What a `.pt` or `.bin` holds is seen by the worker when it is used, by a
 * parser that runs nothing.
 * Throws ArtefactError (`missing-file`, `pickled-file`, `broken-file`, `unknown-adapter`).
 */
export async function openAdapter(path: string): Promise<Adapter> {
  const file = absolute(path)
  if (await isTorchArchive(file)) return adapterOf(file, 'embedding', {})
  const { metadata, shapes } = await readTensorHeader(file)
  const kind = kindOf(Object.keys(shapes), metadata)
  if (kind === null) {
    const names = Object.keys(shapes).slice(0, 3)
    throw new ArtefactError({
      code: 'unknown-adapter',
      message: `${file} is neither a LoRA nor a textual-inversion embedding (its tensors: ${names.join(', ')}…). Name a file of one of these kinds.`,
      facts: { path: file, names },
    })
  }
  return adapterOf(file, kind, metadata)
}

async function adapterOf(file: string, kind: Adapter['kind'], metadata: Record<string, string>): Promise<Adapter> {
  const sha256 = await sha256File(file)
  return Object.freeze({
    type: 'adapter',
    file,
    kind,
    sha256,
    metadata: Object.freeze(metadata),
    strength: (strength: number) => ({ file, strength }),
  })
}

/** Under any other name, a torch archive is refused like other pickles. */
async function isTorchArchive(file: string): Promise<boolean> {
  if (!['.pt', '.bin'].includes(extname(file))) return false
  const handle = await open(file).catch(() => null)
  if (handle === null) return false
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return bytesRead === 4 && buffer.equals(Buffer.from('PK\x03\x04'))
  } finally {
    await handle.close()
  }
}

function kindOf(names: readonly string[], metadata: Adapter['metadata']): Adapter['kind'] | null {
  // kohya's layout, PEFT's, and the two that diffusers had before.
  if (names.some((name) => /^lora_|\.lora_[AB]\.|(\.lora|_lora|\.lora_linear_layer)[._](down|up)\./.test(name)))
    return 'lora'
  if (names.length === 1 || 'phalanx.tokens' in metadata) return 'embedding'
  if (names.every((name) => name === 'clip_l' || name === 'clip_g')) return 'embedding'
  return null
}
