import { z } from 'zod'
import { prompt } from './sampling.ts'

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

/** A picture that a metric is taken on. */
export interface MeasuredPicture {
  readonly prompt: string
  readonly seed: number
  /** Path of a PNG. */
  readonly file: string
  readonly width: number
  readonly height: number
}

/** Measures all pictures together. Whether more is better says the metric. */
export type Measure = (
  pictures: readonly MeasuredPicture[],
  options: { readonly signal: AbortSignal },
) => number | Promise<number>

const drawnPrompts = z.array(prompt).min(1)

/** A metric of one's own, which acts on a training alone: what a function does has no content key. */
export const customMetric = z.strictObject({
  type: z.literal('custom'),
  /** Tells it from others: trainings by the same name count as equal, so that a changed function needs another name. */
  name: z.string().min(1).max(100),
  better: z.enum(['higher', 'lower']),
  /** What is drawn. */
  prompts: drawnPrompts,
  measure: z.custom<Measure>((value) => typeof value === 'function', 'must be a function of the pictures'),
})

/** Metrics whose prompts are drawn for them: `against` is how a dataset is named there. */
export function drawnMetrics<Against extends z.ZodType>(against: Against) {
  return [
    fingerCountMetric,
    defectRateMetric.extend({ prompts: drawnPrompts }),
    defectProbabilityMetric.extend({ prompts: drawnPrompts }),
    kernelDistanceMetric.extend({ against, prompts: drawnPrompts }),
  ] as const
}

/** Whether a metric's values are better when they are higher or lower. */
export const betterOf = {
  'finger-count': 'higher',
  'defect-rate': 'lower',
  'defect-probability': 'lower',
  'kernel-distance': 'lower',
} as const satisfies Record<MetricDefinition['type'], 'higher' | 'lower'>

type Options<Metric extends z.ZodType> = Omit<z.input<Metric>, 'type'>

/** Share of images on which the finger classifier counts as many extended fingers as the prompt asks for. */
export function fingerCount(options: Options<typeof fingerCountMetric>) {
  return { type: 'finger-count' as const, ...options }
}

/** Share of images whose anatomy the finger classifier finds wrong. */
export function defectRate<Settings extends Options<typeof defectRateMetric>>(options?: Settings) {
  return { type: 'defect-rate' as const, ...(options as Settings) }
}

/** Mean probability, by the finger classifier, that the anatomy is wrong. */
export function defectProbability<Settings extends Options<typeof defectProbabilityMetric>>(options?: Settings) {
  return { type: 'defect-probability' as const, ...(options as Settings) }
}

/**
 * Unbiased kernel distance to a dataset's images, equal in number, on the finger classifier's features. A study names
 * its datasets; a training takes one that `lab.dataset` gave.
 */
export function kernelDistanceTo<Against, Settings extends Omit<Options<typeof kernelDistanceMetric>, 'against'>>(
  against: Against,
  options?: Settings,
) {
  return { type: 'kernel-distance' as const, against, ...(options as Settings) }
}

/**
 * A metric of one's own that chooses the result of a training: `measure` gets the pictures that were drawn for `prompts`
 * and gives a finite number. It may ask the lab, which waits for it.
 */
export function pictureMetric(options: Omit<z.input<typeof customMetric>, 'type'>) {
  return { type: 'custom' as const, ...options }
}
