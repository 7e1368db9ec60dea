import { z } from 'zod'
import { prompt, samplingSettings, seed } from './sampling.ts'

/** Class images that are drawn when nothing else is said, as of diffusers' `num_class_images`. */
const usualNumber = 100

/** How class images are drawn from a base: the prompt and so many seeds, one after the other. */
export const classImageSettings = samplingSettings
  .extend({
    /** What they show, and their caption: "a photo of a hand". */
    prompt,
    negativePrompt: prompt.default(''),
    /** How many. */
    images: z.int().min(1).max(100_000).default(usualNumber),
    /** Seed of the first one; each of the others has the next. */
    seed: seed.max(Number.MAX_SAFE_INTEGER - 100_000).default(0),
  })
  .meta({ id: 'ClassImageSettings' })
export type ClassImageSettings = z.output<typeof classImageSettings>
