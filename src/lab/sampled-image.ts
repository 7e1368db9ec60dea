import { encodePng, type RgbImage } from '../artefact/png.ts'
import { atomicWrite } from '../util/atomic-write.ts'

/** An image that a base drew. Pixels are RGB, row by row, 3 bytes each. */
export interface SampledImage extends RgbImage {
  /** Position among the requests. */
  readonly index: number
  readonly prompt: string
  readonly seed: number
  /** As PNG, without loss, with prompt and seed in its description. */
  toPng(): Promise<Buffer>
  /** Writes it as PNG, whole or not at all. Rejects with the file system's error. */
  save(path: string): Promise<void>
}

export function sampledImage(facts: Omit<SampledImage, 'toPng' | 'save'>): SampledImage {
  const toPng = (): Promise<Buffer> => encodePng(facts, `${facts.prompt}\nseed ${facts.seed}`)
  return Object.freeze({ ...facts, toPng, save: async (path: string) => atomicWrite(path, await toPng()) })
}
