import { z } from 'zod'
import { basePart } from './base-part.ts'
import { learningRate } from './learning-rate.ts'
import { loraBlocks } from './lora-blocks.ts'

/** Width of a low-rank bottleneck. */
export const rank = z.int().min(1).max(1024)
/** Scale numerator; a change is multiplied by alpha / rank. */
export const alpha = z.number().positive().finite()
/** Probability of dropping something; never 1, which would drop everything. */
export const dropout = z.number().min(0).lt(1).default(0)

/** Layers by their paths, with ranks of their own. */
export const loraPattern = z
  .strictObject({
    /**
     * Matches whole paths of layers as diffusers names them, behind the name of their part: `unet`, `text_encoder` or
     * `text_encoder_2`. `*` stands for any characters, dots too: `unet.up_blocks.*.attn2.to_k`. Between slashes it is a
     * regular expression: `/unet\.mid_block\..*(conv1|conv2)/`.
     */
    match: z.string().min(1).max(512),
    /** Rank of these layers; null takes that of their kind, 0 leaves them out. */
    rank: z.int().min(0).max(1024).nullable().default(null),
    /** Alpha of these layers; null takes that of their kind. */
    alpha: alpha.nullable().default(null),
  })
  .meta({ id: 'LoraPattern' })

/** Which layers a low-rank technique adapts, and what differs between them. */
export const adaptedLayers = {
  /** Rank of the other convolutions, sd-scripts' `conv_dim`; null takes `rank`. */
  convolutionRank: rank.nullable().default(null),
  /** Alpha of the other convolutions, sd-scripts' `conv_alpha`; null takes `alpha`. */
  convolutionAlpha: alpha.nullable().default(null),
  /**
   * Which layers are adapted: of the attention blocks, the projections (`attention`) and feed-forward layers (`mlp`);
   * in the UNet, everything in residual blocks, downsamplers and upsamplers (`convolution`).
   */
  targets: z.array(z.enum(['attention', 'mlp', 'convolution'])).default(['attention', 'mlp']),
  /** Further layers, and other ranks for layers of the targets. Of several that match a layer, the last one counts. */
  patterns: z.array(loraPattern).default([]),
  /** What differs from block to block; patterns come before it. */
  blocks: loraBlocks.prefault({}),
  /** Parts of the base that are adapted. */
  parts: z.array(basePart).min(1).default(['unet', 'text-encoder']),
  /** Learning rate of the UNet's factors; null takes the optimizer's. */
  unetLearningRate: learningRate.nullable().default(null),
  /** Learning rate of the text encoder's factors; null takes the optimizer's. */
  textEncoderLearningRate: learningRate.nullable().default(null),
}
