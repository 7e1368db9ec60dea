import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { initialImage, sampleRequest, samplingSettings } from '../config/sampling.ts'
import { ArtefactError } from '../errors/index.ts'
import { type GenerationParameters, parseParameters, writeParameters } from './generation-parameters.ts'
import { readPngTexts } from './png-text.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** How an image was drawn: all that decides its pixels. Files are named without their folders. */
export const recipe = z.strictObject({
  format: z.literal('phalanx-image'),
  version: z.literal(1),
  ...sampleRequest.omit({ image: true, controls: true }).shape,
  ...samplingSettings.omit({ batchSize: true, width: true, height: true }).shape,
  width: z.int().min(1),
  height: z.int().min(1),
  /** What the drawing started from. */
  image: initialImage.nullable(),
  /** ControlNets that acted on it. */
  controls: z
    .array(
      z.strictObject({
        name: z.string(),
        picture: z.string(),
        strength: z.number(),
        start: z.number(),
        end: z.number(),
      }),
    )
    .default([]),
  /** `sha256` is over names, types, shapes and bytes of all tensors. */
  base: z.strictObject({ name: z.string(), sha256 }),
  adapters: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(['lora', 'embedding']),
      strength: z.number(),
      /** Of the file's bytes. */
      sha256,
      /** Of the bytes after the header, which stay the same when metadata is edited: what A1111 calls a LoRA's hash. */
      tensorSha256: sha256,
    }),
  ),
})
/** How an image was drawn. */
export type Recipe = z.output<typeof recipe>

/** What a PNG says of how it was made. */
export interface ImageRecipe {
  /** Ours, complete; null for an image that another tool wrote. */
  readonly recipe: Recipe | null
  /** A1111's `parameters`; null without them. */
  readonly parameters: GenerationParameters | null
}

/** Keyword of the chunk that holds a {@link Recipe} as JSON. */
const jsonKeyword = 'phalanx'
/** Keyword of the chunk that A1111 reads. */
const parametersKeyword = 'parameters'

/** The texts of a PNG that tell how it was drawn: for A1111, and as our own JSON. */
export function recipeTexts(given: Recipe): Readonly<Record<string, string>> {
  return { [parametersKeyword]: writeParameters(given), [jsonKeyword]: JSON.stringify(given) }
}

/**
 * Reads how a PNG was made. Throws ArtefactError (`missing-file`, `broken-file`; `recipe-invalid` for our chunk with
 * other content than this version writes).
 */
export async function readImageRecipe(path: string): Promise<ImageRecipe> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'missing-file',
      message: `${path} cannot be read. Check the path.`,
      facts: { path },
      cause,
    })
  })
  const { [jsonKeyword]: json, [parametersKeyword]: text } = readPngTexts(bytes)
  return {
    recipe: json === undefined ? null : parseRecipe(path, json),
    parameters: text === undefined ? null : parseParameters(text),
  }
}

function parseRecipe(path: string, json: string): Recipe {
  try {
    return recipe.parse(JSON.parse(json))
  } catch (cause) {
    throw new ArtefactError({
      code: 'recipe-invalid',
      message: `The recipe in ${path} is not one that this version writes. Read it with the version that wrote it.`,
      facts: { path },
      cause,
    })
  }
}
