import { z } from 'zod'
import { basePart } from './base-part.ts'
import { learningRate } from './learning-rate.ts'
import { loraBlocks } from './lora-blocks.ts'

/** Width of a low-rank bottleneck. */
const rank = z.int().min(1).max(1024)
/** Scale numerator; a change is multiplied by alpha / rank. */
const alpha = z.number().positive().finite()

/** Probability of dropping something; never 1, which would drop everything. */
const dropout = z.number().min(0).lt(1).default(0)

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

/**
 * Low-rank adaptation (Hu et al., 2021): every matched layer W gets W + alpha / rank * up @ down; with 3x3
 * convolutions it is known as LoCon. Names, alpha and metadata in the file are those of kohya sd-scripts
 * (`networks/lora.py`).
 */
export const loraTechnique = z
  .strictObject({
    type: z.literal('lora'),
    /** Width of the low-rank bottleneck of linear layers and 1x1 convolutions. */
    rank: rank.default(32),
    /** Scale numerator; the change is multiplied by alpha / rank. */
    alpha: alpha.default(1),
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
    /**
     * Learns a magnitude for each output beside the direction (DoRA, Liu et al., 2024), `dora_scale` in the file.
     * Lengths are those without dropout.
     */
    decomposed: z.boolean().default(false),
    /** Probability with which numbers between the two factors are 0 in a training step; the others grow for it. */
    networkDropout: dropout,
    /** Probability with which a rank is left out for one sample of a training step; the others grow for it. */
    rankDropout: dropout,
    /** Probability with which a layer is not adapted in a training step. */
    moduleDropout: dropout,
    /**
     * After every step, changes with a larger Frobenius norm are scaled down to it, as by sd-scripts'
     * `scale_weight_norms`; null sets no limit.
     */
    maximumNorm: z.number().positive().finite().nullable().default(null),
    /** LoRA+ (Hayou et al., 2024): `up` learns this many times faster than `down`. */
    upLearningRateRatio: z.number().positive().finite().default(1),
    /**
     * Path of a LoRA to start from. Its layers must be adapted here with the same ranks; an alpha of its own is worked
     * into the factors, and layers it has not start without change.
     */
    start: z.string().min(1).nullable().default(null),
    /** Parts of the base that are adapted. */
    parts: z.array(basePart).min(1).default(['unet', 'text-encoder']),
    /** Learning rate of the UNet's factors; null takes the optimizer's. */
    unetLearningRate: learningRate.nullable().default(null),
    /** Learning rate of the text encoder's factors; null takes the optimizer's. */
    textEncoderLearningRate: learningRate.nullable().default(null),
  })
  .meta({ id: 'LoraTechnique' })
