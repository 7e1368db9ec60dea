import { z } from 'zod'
import { bucketSettings } from './bucket.ts'
import { drawing } from './drawing.ts'
import { objective } from './objective.ts'
import { optimizer } from './optimizer.ts'
import { refuseWithoutEffect } from './optimizer-conflicts.ts'
import { prompt, seed } from './sampling.ts'
import { schedule } from './schedule.ts'
import { technique } from './technique.ts'
import { textSettings } from './text.ts'

/** Images drawn during training with fixed seeds, to see where it goes. */
export const previewSettings = drawing
  .extend({
    /** Optimizer steps between previews. */
    every: z.int().min(1).default(100),
    prompts: z.array(prompt).min(1).max(64),
  })
  .meta({ id: 'PreviewSettings' })

/** Everything about a training but its base, its data and its folder. */
export const trainingSettings = z
  .strictObject({
    technique,
    optimizer: optimizer.prefault({}),
    schedule: schedule.prefault({}),
    /** What is minimised; has no effect on the training of an autoencoder. */
    objective: objective.prefault({}),
    /** Optimizer steps. */
    steps: z.int().min(1).max(10_000_000).default(400),
    /** Images per forward pass; with buckets the last one of each size may have fewer. */
    batchSize: z.int().min(1).max(1024).default(4),
    /** Forward passes whose gradients are averaged into one optimizer step. */
    accumulation: z.int().min(1).max(1024).default(1),
    /** Root of the counter-based streams for noise, timesteps, dropout and order. */
    seed: seed.default(0),
    /** Training size in pixels: images are scaled to cover it and cropped at the centre; null takes the base's own. */
    width: z.int().min(8).max(4096).nullable().default(null),
    height: z.int().min(8).max(4096).nullable().default(null),
    /** Keep the images' aspects, with sizes of the training's area; null brings all images to the one size. */
    buckets: bucketSettings.nullable().default(null),
    /**
     * Numeric type of forward and backward passes; weights and optimizer stay float32. With float16 the loss is scaled
     * (Micikevicius et al., 2018), and steps whose gradients overflow are skipped.
     */
    precision: z.enum(['float32', 'bfloat16', 'float16']).default('float32'),
    /**
     * Keeps fewer activations and computes the others again for the gradients (Chen et al., 2016): less memory, about a
     * third more time, the same result.
     */
    gradientCheckpointing: z.boolean().default(false),
    /** How captions are read; has no effect on the training of an autoencoder. */
    text: textSettings.prefault({}),
    /** Decay of the exponential moving average of the trained weights, which then is the result; null keeps none. */
    emaDecay: z.number().gt(0).lt(1).nullable().default(null),
    /** Optimizer steps between checkpoints; the last step always gets one. */
    checkpointEvery: z.int().min(1).default(100),
    /** Whole checkpoints that are kept. */
    checkpointsKept: z.int().min(1).default(2),
    preview: previewSettings.nullable().default(null),
  })
  .superRefine(refuseWithoutEffect)
  .meta({ id: 'TrainingSettings' })

/** Training settings with every field present. */
export type TrainingSettings = z.output<typeof trainingSettings>
/** Training settings as a user writes them. */
export type TrainingSettingsInput = z.input<typeof trainingSettings>
