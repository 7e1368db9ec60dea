import { z } from 'zod'
import { basePart } from './base-part.ts'
import { blockRates } from './block-rates.ts'
import { learningRate } from './learning-rate.ts'
import { isOneSize, lowRankSize, oneSize, storedType } from './low-rank-size.ts'

/**
 * Trains the base's own weights against the denoising loss: all of the named parts, or those that patterns choose. The
 * others stay as they are, bit by bit. The result is a whole base, or a LoRA that makes one of the base.
 */
export const fullTechnique = z
  .strictObject({
    type: z.literal('full'),
    /** Parts of the base that are trained. */
    parts: z.array(basePart).min(1).default(['unet', 'text-encoder']),
    /**
     * Which weights of the parts are trained; empty stands for all. Matched with whole paths of weights as diffusers
     * names them, behind the name of their module, and with those of their layers: `unet.*.attn2.*` or
     * `text_encoder.*.layer_norm1.weight`. The language is that of LoRA's patterns.
     */
    patterns: z.array(z.string().min(1).max(512)).default([]),
    /** What differs from block to block. Weights outside of all blocks, such as `time_embedding`, have factor 1. */
    blocks: z
      .strictObject({ rates: blockRates.prefault({}) })
      .prefault({})
      .meta({ id: 'FullBlocks' }),
    /** Learning rate of the UNet's weights; null takes the optimizer's. */
    unetLearningRate: learningRate.nullable().default(null),
    /** Learning rate of the text encoders' weights; null takes the optimizer's. */
    textEncoderLearningRate: learningRate.nullable().default(null),
    /** Numeric type of the weights in the result's files. */
    weights: storedType.default('float32'),
    /**
     * A folder as diffusers has it; one `.safetensors` as A1111, ComfyUI and sd-scripts have it (LDM's names); or a rank
     * or size, as `{ rank: 32 }`, for a LoRA of what was learned, the nearest of that size. Then only the weights that a
     * LoRA can hold are trained: those of linear and convolutional layers, not biases, norms and embeddings.
     */
    layout: z
      .union([z.enum(['diffusers', 'single-file']), lowRankSize])
      .refine((layout) => typeof layout === 'string' || isOneSize(layout), oneSize)
      .default('diffusers'),
  })
  .meta({ id: 'FullTechnique' })
