import { z } from 'zod'
import { learningRate } from './learning-rate.ts'

/** Decay rate of a moving average. */
const decay = z.number().min(0).lt(1)
/** Decoupled weight decay (Loshchilov and Hutter, 2019): each step takes away this share times the learning rate. */
const weightDecay = z.number().min(0).finite()
/** Largest norm of all gradients together; null leaves them as they are. */
const maximumGradientNorm = z.number().positive().nullable()

/** What AdamW and its forms have in common. */
const adamw = {
  learningRate: learningRate.default(1e-4),
  /** Decay rates of the first and second moment. */
  beta1: decay.default(0.9),
  beta2: decay.default(0.999),
  epsilon: z.number().positive().default(1e-8),
  weightDecay: weightDecay.default(0.01),
  maximumGradientNorm: maximumGradientNorm.default(1),
}

/** AdamW (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`. */
export const adamwOptimizer = z
  .strictObject({ type: z.literal('adamw').default('adamw'), ...adamw })
  .meta({ id: 'AdamwOptimizer' })

/**
 * AdamW whose moments take 8 bits a number (Dettmers et al., 2022), as `bitsandbytes.optim.AdamW8bit`. Needs CUDA and
 * the package bitsandbytes, which is not installed by default. Parameters of fewer than 4096 numbers keep 32 bits.
 */
const adamw8bitOptimizer = z
  .strictObject({ type: z.literal('adamw-8bit'), ...adamw })
  .meta({ id: 'AdamwEightBitOptimizer' })

/**
 * Adafactor (Shazeer and Stern, 2018), as `transformers.optimization.Adafactor`: keeps sums over rows and columns of the
 * second moment in place of all of it.
 */
const adafactorOptimizer = z
  .strictObject({
    type: z.literal('adafactor'),
    /** Null takes the paper's relative step, min(0.01, 1 / sqrt(step)), which takes no schedule. */
    learningRate: learningRate.nullable().default(null),
    /** Lets the relative step rise from 1e-6 a step. */
    relativeWarmup: z.boolean().default(false),
    /**
     * Steps are multiplied by the root mean square of the parameter, and by this at least. A new LoRA has factors of 0,
     * which move by this alone. Null leaves steps as they are.
     */
    smallestScale: z.number().positive().nullable().default(1e-3),
    /** Largest root mean square of an update before its rate. */
    clippingThreshold: z.number().positive().default(1),
    /** The second moment's decay rate in a step is 1 - step ^ -this. */
    decayExponent: z.number().gt(0).max(1).default(0.8),
    /** Decay rate of the first moment; null keeps none. */
    beta1: decay.nullable().default(null),
    /** Added to the squared gradient. */
    epsilon: z.number().positive().default(1e-30),
    weightDecay: weightDecay.default(0),
    maximumGradientNorm: maximumGradientNorm.default(null),
  })
  .meta({ id: 'AdafactorOptimizer' })

/**
 * Lion (Chen et al., 2023), as `lion_pytorch.Lion`: moves by the sign of the momentum. Wants 3 to 10 times less
 * learning rate and as much more weight decay than AdamW.
 */
const lionOptimizer = z
  .strictObject({
    type: z.literal('lion'),
    learningRate: learningRate.default(3e-5),
    /** Share of the momentum in the direction of a step. */
    beta1: decay.default(0.9),
    /** Decay rate of the momentum. */
    beta2: decay.default(0.99),
    weightDecay: weightDecay.default(0.03),
    maximumGradientNorm: maximumGradientNorm.default(1),
  })
  .meta({ id: 'LionOptimizer' })

/**
 * Prodigy (Mishchenko and Defazio, 2023), as `prodigyopt.Prodigy`: Adam that estimates its learning rate d on the way,
 * one for all parameters.
 */
const prodigyOptimizer = z
  .strictObject({
    type: z.literal('prodigy'),
    /** Multiplies the estimate d, as the schedule does; usually left at 1. */
    learningRate: learningRate.default(1),
    beta1: decay.default(0.9),
    beta2: decay.default(0.999),
    /** Decay rate of the estimate's averages; null takes the square root of `beta2`. */
    beta3: decay.nullable().default(null),
    epsilon: z.number().positive().default(1e-8),
    weightDecay: weightDecay.default(0.01),
    /** Adam's correction of the moments in the first steps. */
    biasCorrection: z.boolean().default(false),
    /** Keeps the learning rate out of the estimate, for schedules that warm up. */
    safeguardWarmup: z.boolean().default(false),
    /** First estimate. */
    d0: z.number().positive().default(1e-6),
    /** Multiplies what is estimated. */
    dCoefficient: z.number().positive().finite().default(1),
    /** Largest factor by which d grows in a step; null sets no limit. */
    growthRate: z.number().gt(1).finite().nullable().default(null),
    /** Estimates from every so manieth number of a parameter, to save memory. */
    slice: z.int().min(1).default(1),
    maximumGradientNorm: maximumGradientNorm.default(1),
  })
  .meta({ id: 'ProdigyOptimizer' })

/**
 * AdamW without a schedule (Defazio et al., 2024), as `schedulefree.AdamWScheduleFree`. The result, previews, held-out
 * loss and the weights of checkpoints are those of the average, not those that gradients are taken at.
 */
const scheduleFreeOptimizer = z
  .strictObject({
    type: z.literal('schedule-free'),
    /** Wants 1 to 10 times as much as AdamW. */
    learningRate: learningRate.default(5e-4),
    /** Share of the average in the weights that gradients are taken at. */
    beta1: z.number().gt(0).lt(1).default(0.9),
    beta2: decay.default(0.999),
    epsilon: z.number().positive().default(1e-8),
    weightDecay: weightDecay.default(0.01),
    /** Steps over which the rate rises linearly. */
    warmupSteps: z.int().min(0).default(0),
    /** A step weighs in the average as its number to this power. */
    averagePower: z.number().min(0).finite().default(0),
    /** A step weighs in the average as the largest rate so far to this power. */
    ratePower: z.number().min(0).finite().default(2),
    maximumGradientNorm: maximumGradientNorm.default(1),
  })
  .meta({ id: 'ScheduleFreeOptimizer' })

/** What changes the parameters by their gradients. Without a type it is AdamW. */
export const optimizer = z
  .discriminatedUnion('type', [
    adamwOptimizer,
    adamw8bitOptimizer,
    adafactorOptimizer,
    lionOptimizer,
    prodigyOptimizer,
    scheduleFreeOptimizer,
  ])
  .meta({ id: 'Optimizer' })
export type Optimizer = z.output<typeof optimizer>
