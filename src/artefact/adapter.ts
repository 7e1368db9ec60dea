import { resolve as absolute } from 'node:path'
import type { AdapterReference } from '../config/sampling.ts'
import { ArtefactError } from '../errors/index.ts'
import { sha256File } from '../util/sha256-file.ts'
import { readTensorHeader } from './tensor-header.ts'

/** A small file that changes a base, made by a technique or shared by somebody. */
export interface Adapter {
  readonly type: 'adapter'
  /** Absolute path of the `.safetensors` file. */
  readonly file: string
  readonly kind: 'lora' | 'embedding'
  /** Of the file's bytes. */
  readonly sha256: string
  /** Text fields of its header; those of kohya sd-scripts begin with `ss_`. */
  readonly metadata: Readonly<Record<string, string>>
  /** This adapter with its change multiplied by `strength`; embeddings ignore it. */
  strength(strength: number): AdapterReference
}

/**
 * Opens an adapter file without loading it.
 * Throws ArtefactError (`missing-file`, `pickled-file`, `broken-file`, `unknown-adapter`).
 */
export async function openAdapter(path: string): Promise<Adapter> {
  const file = absolute(path)
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

function kindOf(names: readonly string[], metadata: Adapter['metadata']): Adapter['kind'] | null {
  if (names.some((name) => /\.lora_(down|up)\.|\.lora_[AB]\.|^lora_/.test(name))) return 'lora'
  if (names.length === 1 || 'phalanx.tokens' in metadata) return 'embedding'
  if (names.every((name) => name === 'clip_l' || name === 'clip_g')) return 'embedding'
  return null
}
