import { z } from 'zod'
import { learningRate } from './technique.ts'

/** AdamW (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`. */
export const adamwOptimizer = z
  .strictObject({
    type: z.literal('adamw').default('adamw'),
    learningRate: learningRate.default(1e-4),
    /** Decay rates of the first and second moment. */
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    epsilon: z.number().positive().default(1e-8),
    /** Decoupled weight decay. */
    weightDecay: z.number().min(0).finite().default(0.01),
    /** Largest norm of all gradients together; null leaves them as they are. */
    maximumGradientNorm: z.number().positive().nullable().default(1),
  })
  .meta({ id: 'AdamwOptimizer' })

export const optimizer = adamwOptimizer
export type Optimizer = z.output<typeof optimizer>

/** Learning-rate schedule: a linear warm-up, then the named curve to zero (or constant). */
export const schedule = z
  .strictObject({
    type: z.enum(['constant', 'linear', 'cosine']).default('constant'),
    /** Optimizer steps over which the rate rises linearly from 0. */
    warmupSteps: z.int().min(0).default(0),
  })
  .meta({ id: 'Schedule' })
export type Schedule = z.output<typeof schedule>
