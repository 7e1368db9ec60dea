import { ArtefactError } from '../errors/index.ts'
import type { HubFile } from './listing.ts'

const folders = ['unet', 'vae', 'text_encoder', 'text_encoder_2', 'tokenizer', 'tokenizer_2', 'scheduler']
const weights: Readonly<Record<string, string>> = {
  unet: 'diffusion_pytorch_model',
  vae: 'diffusion_pytorch_model',
  text_encoder: 'model',
  text_encoder_2: 'model',
}
const largestText = 16 * 1024 * 1024

/**
 * The files of a base in the layout of diffusers: configs, tokenizers and, for every part, one file of weights: the
 * full precision if it is there, else half. Throws ArtefactError (`not-a-base`, `pickled-file`).
 */
export function baseFiles(id: string, files: readonly HubFile[]): HubFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  if (!byPath.has('model_index.json')) {
    throw new ArtefactError({
      code: 'not-a-base',
      message: `${id} is no base in the layout of diffusers: it has no model_index.json. Name another id, or fetch its checkpoint and give its path.`,
      facts: { id },
    })
  }
  const small = files.filter(({ path, size }) => isSmall(path) && size <= largestText)
  const parts = Object.keys(weights).filter((part) => files.some(({ path }) => path.startsWith(`${part}/`)))
  return [...small, ...parts.map((part) => weightsOf(id, part, byPath))]
}

function isSmall(path: string): boolean {
  if (path === 'model_index.json') return true
  const [folder = '', name = '', ...deeper] = path.split('/')
  return folders.includes(folder) && deeper.length === 0 && /\.(json|txt)$/.test(name)
}

function weightsOf(id: string, part: string, byPath: ReadonlyMap<string, HubFile>): HubFile {
  const stem = `${part}/${weights[part]}`
  const found = byPath.get(`${stem}.safetensors`) ?? byPath.get(`${stem}.fp16.safetensors`)
  if (found !== undefined) return found
  const pickled = [...byPath.keys()].find((path) => path.startsWith(`${part}/`) && /\.(bin|ckpt|pt)$/.test(path))
  throw new ArtefactError({
    code: pickled === undefined ? 'not-a-base' : 'pickled-file',
    message:
      pickled === undefined
        ? `${id} has no ${stem}.safetensors. Name another id or revision.`
        : `${id} has the weights of its ${part} only as a pickle (${pickled}), which can run code when it is read. Name another id, or convert it in a place you trust and give its path.`,
    facts: { id, part, pickled: pickled ?? null },
  })
}
