import { z } from 'zod'
import { adaptedLayers, alpha, dropout, rank } from './adapted-layers.ts'

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
    ...adaptedLayers,
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
  })
  .meta({ id: 'LoraTechnique' })
