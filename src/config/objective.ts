import { z } from 'zod'

/** Where the Huber family turns from squared to absolute error, over the timesteps. */
const huberShape = {
  /** Error below which the loss is close to squared; with a schedule, at the last (noisiest) timestep. */
  delta: z.number().positive().max(1).default(0.1),
  /** `constant`; `exponential` from 1 at timestep 0 down to `delta`; `snr` follows the noise level (as in sd-scripts). */
  schedule: z.enum(['constant', 'exponential', 'snr']).default('snr'),
}

/** How far prediction and target are apart. */
export const denoisingLoss = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('squared') }).meta({ id: 'SquaredLoss' }),
    z.strictObject({ type: z.literal('huber'), ...huberShape }).meta({ id: 'HuberLoss' }),
    z.strictObject({ type: z.literal('smooth-l1'), ...huberShape }).meta({ id: 'SmoothL1Loss' }),
  ])
  .meta({ id: 'DenoisingLoss' })

/** How much a timestep counts. */
export const timestepWeighting = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('uniform') }).meta({ id: 'UniformWeighting' }),
    /** min(SNR, gamma) over SNR, or over SNR + 1 for velocity (Hang et al., 2023). */
    z
      .strictObject({ type: z.literal('min-snr'), gamma: z.number().positive().finite().default(5) })
      .meta({ id: 'MinSnrWeighting' }),
    /** 1 / sqrt(SNR), or 1 / (SNR + 1) for velocity, SNR at most 1000 (Yu et al., 2023). */
    z.strictObject({ type: z.literal('debiased') }).meta({ id: 'DebiasedWeighting' }),
  ])
  .meta({ id: 'TimestepWeighting' })

/** Noise on several scales at once: what is drawn at lower resolutions is enlarged and added. */
const pyramidNoise = z
  .strictObject({
    /** Lower resolutions at most; each is 2 to 4 times smaller than the one before. */
    iterations: z.int().min(1).max(16).default(6),
    /** Strength of each level relative to the one before. */
    discount: z.number().positive().max(1).default(0.3),
  })
  .meta({ id: 'PyramidNoise' })

/** The noise that is added to latents, and predicted. */
export const trainingNoise = z
  .strictObject({
    /** Strength of a constant added per image and channel, so that very dark and bright pictures are learned; 0 adds none. */
    offset: z.number().min(0).max(1).default(0),
    /** Draw each image's offset strength between 0 and `offset`. */
    randomOffset: z.boolean().default(false),
    pyramid: pyramidNoise.nullable().default(null),
    /** Strength of extra noise that is added but not predicted (Ning et al., 2023); 0 adds none. */
    perturbation: z.number().min(0).max(1).default(0),
  })
  .meta({ id: 'TrainingNoise' })

/** What is minimised off the mask, beside the loss on it. */
export const maskOutside = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('nothing') }).meta({ id: 'NothingOutside' }),
    /** The same loss as on the mask, times `weight`. */
    z
      .strictObject({ type: z.literal('image'), weight: z.number().positive().max(1000).default(0.1) })
      .meta({ id: 'ImageOutside' }),
    /**
     * The distance to what the base alone predicts there, times `weight`, so that the rest of the picture stays the
     * base's. It costs one more forward pass, and is for techniques that adapt layers: LoRA, LoHa, LoKr.
     */
    z
      .strictObject({ type: z.literal('base'), weight: z.number().positive().max(1000).default(1) })
      .meta({ id: 'BaseOutside' }),
  ])
  .meta({ id: 'MaskOutside' })

/**
 * Training on a part of each image, which its mask shows in white. For each sample, with its mask m in [0, 1] brought to
 * the latents' size, the loss is sum(m e) / sum(m) + weight * sum((1 - m) d) / sum(1 - m): e is the loss against the
 * target and d is e (`image`) or the same loss against the base's own prediction (`base`). A small mask counts as much as
 * a large one, unlike a mean over all pixels.
 */
export const maskedLoss = z
  .strictObject({ outside: maskOutside.prefault({ type: 'nothing' }) })
  .meta({ id: 'MaskedLoss' })

/** What a denoising training minimises. */
export const objective = z
  .strictObject({
    loss: denoisingLoss.prefault({ type: 'squared' }),
    weighting: timestepWeighting.prefault({ type: 'uniform' }),
    noise: trainingNoise.prefault({}),
    /** Train on what the masks of the dataset show; null trains on whole images. Class images need no mask. */
    mask: maskedLoss.nullable().default(null),
    /**
     * Rescale the noise schedule so that its last timestep has no signal (Lin et al., 2024), for pictures darker and
     * brighter than medium. Refused for bases that predict noise (epsilon), where it cannot be right. An adapter that
     * was trained so is sampled with `zeroTerminalSnr` too; a whole base says it in its scheduler config.
     */
    zeroTerminalSnr: z.boolean().default(false),
  })
  .meta({ id: 'Objective' })
export type Objective = z.output<typeof objective>
