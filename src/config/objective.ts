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

/** What a denoising training minimises. */
export const objective = z
  .strictObject({
    loss: denoisingLoss.prefault({ type: 'squared' }),
    weighting: timestepWeighting.prefault({ type: 'uniform' }),
    noise: trainingNoise.prefault({}),
    /**
     * Rescale the noise schedule so that its last timestep has no signal (Lin et al., 2024), for pictures darker and
     * brighter than medium. Refused for bases that predict noise (epsilon), where it cannot be right. An adapter that
     * was trained so is sampled with `zeroTerminalSnr` too; a whole base says it in its scheduler config.
     */
    zeroTerminalSnr: z.boolean().default(false),
  })
  .meta({ id: 'Objective' })
export type Objective = z.output<typeof objective>
