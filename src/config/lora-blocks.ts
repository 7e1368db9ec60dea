import { z } from 'zod'

/**
 * A course of factors from the first block to the last one, as sd-scripts computes it, plus `base`: `sine` and `linear`
 * rise from 0 to 1, `cosine` and `reverse-linear` are the same backwards, `zeros` is 0 everywhere.
 */
const curveName = z.enum(['cosine', 'sine', 'linear', 'reverse-linear', 'zeros'])
export const loraCurve = z
  .strictObject({ curve: curveName, base: z.number().min(0).finite().default(0) })
  .meta({ id: 'LoraCurve' })

const factors = z.array(z.number().min(0).finite())
const course = z
  .union([curveName, loraCurve, factors])
  .transform((given): z.input<typeof loraCurve> | number[] => (typeof given === 'string' ? { curve: given } : given))
  .pipe(z.union([loraCurve, factors]))
  .nullable()
  .default(null)

/** Factors of the learning rates, one for each block; a block of factor 0 is left out. */
const loraBlockRates = z
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
  .meta({ id: 'LoraBlockRates' })

const ranks = z.array(z.int().min(0).max(1024)).nullable().default(null)
const alphas = z.array(z.number().positive().finite()).nullable().default(null)

/** Ranks, one for each block of {@link loraBlockRates}; 0 leaves the block out. */
const loraBlockRanks = z
  .strictObject({ down: ranks, middle: ranks, up: ranks, textEncoder: ranks, secondTextEncoder: ranks })
  .meta({ id: 'LoraBlockRanks' })
/** Alphas, one for each block of {@link loraBlockRates}. */
const loraBlockAlphas = z
  .strictObject({ down: alphas, middle: alphas, up: alphas, textEncoder: alphas, secondTextEncoder: alphas })
  .meta({ id: 'LoraBlockAlphas' })

/**
 * What differs from block to block. Every list must be as long as the base has blocks; null changes nothing. Blocks of
 * the UNet are counted as in the original code, where `conv_in` is the first one and a downsampler is one of its own.
 */
export const loraBlocks = z
  .strictObject({
    rates: loraBlockRates.prefault({}),
    ranks: loraBlockRanks.prefault({}),
    alphas: loraBlockAlphas.prefault({}),
    /** Ranks of convolutions other than 1x1. */
    convolutionRanks: loraBlockRanks
      .omit({ textEncoder: true, secondTextEncoder: true })
      .prefault({})
      .meta({ id: 'LoraConvolutionRanks' }),
    /** Alphas of convolutions other than 1x1. */
    convolutionAlphas: loraBlockAlphas
      .omit({ textEncoder: true, secondTextEncoder: true })
      .prefault({})
      .meta({ id: 'LoraConvolutionAlphas' }),
  })
  .meta({ id: 'LoraBlocks' })
export type LoraBlocks = z.output<typeof loraBlocks>
