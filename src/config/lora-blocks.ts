import { z } from 'zod'
import { blockRates } from './block-rates.ts'

const ranks = z.array(z.int().min(0).max(1024)).nullable().default(null)
const alphas = z.array(z.number().positive().finite()).nullable().default(null)

/** Ranks, one for each block of {@link blockRates}; 0 leaves the block out. */
const loraBlockRanks = z
  .strictObject({ down: ranks, middle: ranks, up: ranks, textEncoder: ranks, secondTextEncoder: ranks })
  .meta({ id: 'LoraBlockRanks' })
/** Alphas, one for each block of {@link blockRates}. */
const loraBlockAlphas = z
  .strictObject({ down: alphas, middle: alphas, up: alphas, textEncoder: alphas, secondTextEncoder: alphas })
  .meta({ id: 'LoraBlockAlphas' })

/**
 * What differs from block to block. Every list must be as long as the base has blocks; null changes nothing. Blocks of
 * the UNet are counted as in the original code, where `conv_in` is the first one and a downsampler is one of its own.
 */
export const loraBlocks = z
  .strictObject({
    rates: blockRates.prefault({}),
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
