import { ArtefactError } from '../errors/index.ts'
import type { HubFile } from './listing.ts'

/** Weights of an extractor in the layout of transformers. */
export const extractorWeights = 'model.safetensors'
const configs = ['config.json', 'preprocessor_config.json']
const tokenizer = [
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'],
  ...['vocab.json', 'merges.txt'],
]

/**
 * The files of a CLIP or a DINOv2 in the layout of transformers: configs, weights, and the tokenizer where there is one.
 * Throws ArtefactError (`not-an-extractor`, `pickled-file`).
 */
export function extractorFiles(id: string, files: readonly HubFile[]): HubFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const lacking = [...configs, extractorWeights].find((path) => !byPath.has(path))
  if (lacking === undefined)
    return [...configs, ...tokenizer, extractorWeights].flatMap((path) => byPath.get(path) ?? [])
  const pickled = lacking === extractorWeights && byPath.has('pytorch_model.bin')
  throw new ArtefactError({
    code: pickled ? 'pickled-file' : 'not-an-extractor',
    message: pickled
      ? `${id} has its weights only as a pickle, which can run code when it is read. Name a revision that has ${extractorWeights} (many have one among their pull requests, as ${id}@refs/pr/1), or convert it in a place you trust and give its folder.`
      : `${id} is no model in the layout of transformers: it has no ${lacking}. Name another id or revision.`,
    facts: { id, lacking },
  })
}
