import { z } from 'zod'
import { prompt } from '../config/sampling.ts'

/** Prompts a metric is taken on, worded as in the study; null takes all. */
const somePrompts = z.array(prompt).min(1).nullable().default(null)

const fingerCountMetric = z.strictObject({
  type: z.literal('finger-count'),
  /** Extended fingers that each prompt asks for; prompts left out are not counted. */
  expected: z.record(prompt, z.int().min(0).max(6)),
})

const defectRateMetric = z.strictObject({
  type: z.literal('defect-rate'),
  /** Defect probability above which an image counts as defective. */
  threshold: z.number().gt(0).lt(1).default(0.5),
  prompts: somePrompts,
})

const defectProbabilityMetric = z.strictObject({ type: z.literal('defect-probability'), prompts: somePrompts })

const kernelDistanceMetric = z.strictObject({
  type: z.literal('kernel-distance'),
  /** Name of the dataset that images are compared with. */
  against: z.string(),
  /** Whose activations are compared; named in every report, since distances on different features differ. */
  features: z.literal('finger-classifier').default('finger-classifier'),
  prompts: somePrompts,
})

export const metricDefinition = z.discriminatedUnion('type', [
  fingerCountMetric,
  defectRateMetric,
  defectProbabilityMetric,
  kernelDistanceMetric,
])
export type MetricDefinition = z.output<typeof metricDefinition>
export type MetricInput = z.input<typeof metricDefinition>

type Options<Metric extends z.ZodType> = Omit<z.input<Metric>, 'type'>

/** Share of images on which the finger classifier counts as many extended fingers as the prompt asks for. */
export function fingerCount(options: Options<typeof fingerCountMetric>): MetricInput {
  return { type: 'finger-count', ...options }
}

/** Share of images whose anatomy the finger classifier finds wrong. */
export function defectRate(options: Options<typeof defectRateMetric> = {}): MetricInput {
  return { type: 'defect-rate', ...options }
}

/** Mean probability, by the finger classifier, that the anatomy is wrong. */
export function defectProbability(options: Options<typeof defectProbabilityMetric> = {}): MetricInput {
  return { type: 'defect-probability', ...options }
}

/** Unbiased kernel distance to a dataset's images, equal in number, on the finger classifier's features. */
export function kernelDistanceTo(
  against: string,
  options: Omit<Options<typeof kernelDistanceMetric>, 'against'> = {},
): MetricInput {
  return { type: 'kernel-distance', against, ...options }
}
