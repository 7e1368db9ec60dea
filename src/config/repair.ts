import { z } from 'zod'
import { controlReference, prompt, samplingSettings, seed } from './sampling.ts'

const share = z.number().min(0).max(1)
const { sampler, steps, guidance, batchSize } = samplingSettings.shape

/** How details of pictures are repaired. */
export const repairSettings = z.strictObject({
  /**
   * Badness from which a detail is repaired. On labelled samples of tiny-hands the default touches 1 of 80 good hands and
   * 27 of 60 bad ones (`experiments/hand-repair/threshold.ts`); lower ones touch more of both.
   */
  threshold: share.default(0.95),
  /** Badness below which a repair is good enough to try no further. */
  enough: share.default(0.3),
  /** By how much a repair must lower the badness to be kept; −1 keeps every repair, as tools without a judge do. */
  margin: z.number().min(-1).max(1).default(0.1),
  /**
   * Shares of the denoising steps that are taken, tried one after another until a repair is good enough: the mildest
   * that helps changes the picture least.
   */
  strengths: z
    .array(z.number().gt(0).max(1))
    .min(1)
    .max(16)
    .refine((values) => values.every((value, i) => i === 0 || value > (values[i - 1] as number)), {
      message: 'must rise from one to the next',
    })
    .default([0.6, 0.8, 1]),
  /** How often each strength is tried on each hypothesis, with a seed of its own. */
  attempts: z.int().min(1).max(64).default(4),
  /** Of the first attempt. */
  seed: seed.default(0),
  /** Hypotheses of a detail's shape that are tried, the most confident first. */
  hypotheses: z.int().min(1).max(16).default(1),
  /** Side of the square that is repainted, as a multiple of the detail's longer side. */
  context: z.number().min(1).max(8).default(1.6),
  /** Width of the soft rim of what is repainted, as a share of the square's side. */
  rim: z.number().min(0).max(0.25).default(0.05),
  /** Details of a picture beyond these, the least certain ones, are left alone. */
  limit: z.int().min(1).max(1000).default(40),
  /** ControlNet that reads the template; null repaints without one. `picture` is the template, so it is not named. */
  control: controlReference.nullable().default(null),
  /** Instead of the prompt that a picture tells of itself; null takes that, or the detail's own words. */
  prompt: prompt.nullable().default(null),
  negativePrompt: prompt.default(''),
  sampling: z.strictObject({ sampler, steps, guidance, batchSize }).prefault({}),
})
export type RepairSettingsInput = z.input<typeof repairSettings>
export type RepairSettings = z.output<typeof repairSettings>
