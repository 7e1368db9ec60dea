import { z } from 'zod'

/**
 * A course of factors from the first block to the last one, as sd-scripts computes it, plus `base`: `sine` and `linear`
 * rise from 0 to 1, `cosine` and `reverse-linear` are the same backwards, `zeros` is 0 everywhere.
 */
const curveName = z.enum(['cosine', 'sine', 'linear', 'reverse-linear', 'zeros'])
export const rateCurve = z
  .strictObject({ curve: curveName, base: z.number().min(0).finite().default(0) })
  .meta({ id: 'RateCurve' })

const factors = z.array(z.number().min(0).finite())
const course = z
  .union([curveName, rateCurve, factors])
  .transform((given): z.input<typeof rateCurve> | number[] => (typeof given === 'string' ? { curve: given } : given))
  .pipe(z.union([rateCurve, factors]))
  .nullable()
  .default(null)

/** Factors of the learning rates, one for each block; a block of factor 0 is left out. */
export const blockRates = z
  .strictObject({
    /** UNet, from the image to the middle: 12 blocks with SD 1 and 2, 9 with SDXL. */
    down: course,
    /** 1 block with SD 1 and 2, 3 with SDXL. */
    middle: course,
    /** UNet, from the middle to the image; as many as `down`. */
    up: course,
    /** Layers of the text encoder from the tokens on: 12 with SD 1, 23 with SD 2, 12 with SDXL. */
    textEncoder: course,
    /** Layers of SDXL's second text encoder, 32. */
    secondTextEncoder: course,
  })
  .meta({ id: 'BlockRates' })
