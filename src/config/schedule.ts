import { z } from 'zod'

/** Optimizer steps over which the rate rises linearly from 0. */
const warmupSteps = z.int().min(0).default(0)

/** What multiplies the learning rate over the steps, as in `diffusers.optimization` and `torch.optim.lr_scheduler`. */
export const schedule = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('constant').default('constant'), warmupSteps }).meta({ id: 'ConstantSchedule' }),
    /** Down to 0 in a line. */
    z.strictObject({ type: z.literal('linear'), warmupSteps }).meta({ id: 'LinearSchedule' }),
    /** Down to 0 in half a cosine. */
    z.strictObject({ type: z.literal('cosine'), warmupSteps }).meta({ id: 'CosineSchedule' }),
    /** Several halves of a cosine, each from the full rate. */
    z
      .strictObject({ type: z.literal('cosine-restarts'), warmupSteps, cycles: z.int().min(1).max(1000).default(2) })
      .meta({ id: 'CosineRestartsSchedule' }),
    /** Down to `endFactor` as a power of what is left. */
    z
      .strictObject({
        type: z.literal('polynomial'),
        warmupSteps,
        power: z.number().positive().max(100).default(2),
        /** Share of the rate that is left at the end. */
        endFactor: z.number().min(0).lt(1).default(0),
      })
      .meta({ id: 'PolynomialSchedule' }),
    /** Up and down again in halves of a cosine (Smith and Topin, 2018). */
    z
      .strictObject({
        type: z.literal('one-cycle'),
        /** Share of the steps that go up. */
        riseShare: z.number().gt(0).lt(1).default(0.3),
        /** Share of the rate in the first step. */
        startFactor: z.number().gt(0).max(1).default(0.04),
        /** Share of the rate in the last step. */
        endFactor: z.number().min(0).max(1).default(4e-6),
      })
      .meta({ id: 'OneCycleSchedule' }),
  ])
  .meta({ id: 'Schedule' })
export type Schedule = z.output<typeof schedule>
