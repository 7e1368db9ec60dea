import { encodePng, type RgbImage } from '../artefact/png.ts'
import { type Recipe, recipeTexts } from '../artefact/recipe.ts'
import { atomicWrite } from '../util/atomic-write.ts'

/** An image that a base drew. Pixels are RGB, row by row, 3 bytes each. */
export interface SampledImage extends RgbImage {
  /** Position among the requests. */
  readonly index: number
  readonly prompt: string
  readonly seed: number
  /**
   * As PNG, without loss. It carries its recipe, as the `parameters` text that A1111 reads and as our own JSON, unless
   * the sampling was told `recipe: false`.
   */
  toPng(): Promise<Buffer>
  /** Writes it as PNG, whole or not at all. Rejects with the file system's error. */
  save(path: string): Promise<void>
}

/** `recipe` is asked when the image becomes a PNG; null leaves it out. */
export function sampledImage(
  facts: Omit<SampledImage, 'toPng' | 'save'>,
  recipe: (() => Promise<Recipe>) | null,
): SampledImage {
  const toPng = async (): Promise<Buffer> => encodePng(facts, recipe === null ? {} : recipeTexts(await recipe()))
  return Object.freeze({ ...facts, toPng, save: async (path: string) => atomicWrite(path, await toPng()) })
}
