import { z } from 'zod'
import { drawing } from './drawing.ts'
import { drawnMetrics } from './metric.ts'

/** Stop after so many measurements without a better one; null takes all steps. */
export const patience = z.int().min(1).nullable().default(null)

/** The result is made from the weights with the smallest loss on the held-out images, which are measured anyway. */
const bestByHeldOutLoss = z.strictObject({ type: z.literal('held-out-loss'), patience })

/** The result is made from the weights whose pictures a metric finds best, the earliest of equals. */
export function bestByMetric<Metric extends z.ZodType>(metric: Metric) {
  return drawing.extend({
    type: z.literal('metric'),
    /** What is measured, and the prompts it is drawn for. */
    metric,
    /** Optimizer steps between measurements; the last step always gets one. */
    every: z.int().min(1).default(100),
    /** Finger classifier's file; null takes the one that comes with the package. */
    classifier: z.string().min(1).nullable().default(null),
    patience,
  })
}

/**
 * What chooses the weights that become the result of a training, and may end it early.
 *
 * @param metric what may be measured
 */
export function bestSettings<Metric extends z.ZodType>(metric: Metric) {
  return z.discriminatedUnion('type', [bestByHeldOutLoss, bestByMetric(metric)])
}

/** How a study, which names its datasets and its classifier itself, lets a metric choose the result of a training. */
export const bestOfStudy = bestByMetric(z.discriminatedUnion('type', drawnMetrics(z.string()))).omit({
  classifier: true,
})
export type BestOfStudy = z.output<typeof bestOfStudy>
