import { z } from 'zod'
import { learningRate } from './learning-rate.ts'

/** How the finger classifier is trained: a small convolutional network with a count head and a defect head. */
export const classifierSettings = z
  .strictObject({
    /** Pixels of its square input. */
    imageSize: z.int().min(32).max(256).default(64),
    /** Channels per level; each level halves the size. The last is the width of its features. */
    channels: z.array(z.int().min(4).max(512)).min(2).max(6).default([24, 48, 96, 128]),
    steps: z.int().min(1).default(3000),
    batchSize: z.int().min(2).max(1024).default(64),
    learningRate: learningRate.default(2e-3),
    weightDecay: z.number().min(0).finite().default(0.01),
    /** Random flips, shifts, colour changes, blur and noise, so that it judges shape rather than rendering. */
    augment: z.boolean().default(true),
    seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  })
  .meta({ id: 'ClassifierSettings' })
export type ClassifierSettings = z.output<typeof classifierSettings>
