import { stat } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { ArtefactError } from '../errors/index.ts'
import { sha256File } from '../util/sha256-file.ts'
import { readTensorHeader } from './tensor-header.ts'

/** A ControlNet (Zhang et al., 2023), trained here or shared by somebody. */
export interface ControlNet {
  readonly type: 'control-net'
  /** Absolute path of its folder in the layout of diffusers, or of its file. */
  readonly file: string
  /** Text fields of the header of its weights. */
  readonly metadata: Readonly<Record<string, string>>
}

const weightNames = ['diffusion_pytorch_model.safetensors', 'diffusion_pytorch_model.fp16.safetensors']

/**
 * Opens a ControlNet without loading it.
 * Throws ArtefactError (`missing-file`, `pickled-file`, `broken-file`, `not-a-control-net`).
 */
export async function openControlNet(path: string): Promise<ControlNet> {
  const file = absolute(path)
  const { metadata, shapes } = await readTensorHeader(await weightFile(file))
  const names = Object.keys(shapes)
  if (!names.some((name) => /controlnet_cond_embedding\.|input_hint_block\./.test(name))) {
    throw new ArtefactError({
      code: 'not-a-control-net',
      message: `${file} is no ControlNet (its tensors: ${names.slice(0, 3).join(', ')}…). Name a folder or a file of one.`,
      facts: { path: file },
    })
  }
  return Object.freeze({ type: 'control-net', file, metadata: Object.freeze(metadata) })
}

/** SHA-256 of a ControlNet's weights. Throws as {@link openControlNet}. */
export async function hashControlNet(path: string): Promise<string> {
  return sha256File(await weightFile(path))
}

async function weightFile(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return path
  for (const name of weightNames) {
    const found = await stat(join(path, name)).catch(() => null)
    if (found?.isFile()) return join(path, name)
  }
  throw new ArtefactError({
    code: 'not-a-control-net',
    message: `${path} is no ControlNet: it has no ${weightNames[0]}. Name the folder that holds it, or the file itself.`,
    facts: { path },
  })
}
