import { z } from 'zod'
import { clipExtractor, type ExtractorSettings, extractorSettings } from './extractor.ts'
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

/** The finger classifier of the study, or an extractor of its own. */
const comparedFeatures = z.union([z.literal('finger-classifier'), extractorSettings]).default('finger-classifier')

const kernelDistanceMetric = z.strictObject({
  type: z.literal('kernel-distance'),
  /** Name of the dataset that images are compared with. */
  against: z.string(),
  /** Whose activations are compared; named in every report, since distances on different features differ. */
  features: comparedFeatures,
  prompts: somePrompts,
})

const frechetDistanceMetric = kernelDistanceMetric.extend({ type: z.literal('frechet-distance') })

const cmmdMetric = kernelDistanceMetric.extend({
  type: z.literal('cmmd'),
  features: clipExtractor,
  /** Over all pairs without (`u-statistic`, unbiased) or with (`v-statistic`, as published) each image itself. */
  estimator: z.enum(['u-statistic', 'v-statistic']).default('u-statistic'),
})

const clipScoreMetric = z.strictObject({
  type: z.literal('clip-score'),
  features: clipExtractor,
  /** How cosines become scores; `logit` with PickScore, `cosine` with HPS v2. */
  convention: z.enum(['clipscore', 'percent', 'logit', 'cosine']).default('clipscore'),
  prompts: somePrompts,
})

const nearestImageMetric = z.strictObject({
  type: z.literal('nearest-image'),
  /** Name of the dataset that images may be copies of. */
  against: z.string(),
  features: comparedFeatures,
  prompts: somePrompts,
})

const sharpnessMetric = z.strictObject({ type: z.literal('sharpness'), prompts: somePrompts })

export const metricDefinition = z.discriminatedUnion('type', [
  fingerCountMetric,
  defectRateMetric,
  defectProbabilityMetric,
  kernelDistanceMetric,
  frechetDistanceMetric,
  cmmdMetric,
  clipScoreMetric,
  nearestImageMetric,
  sharpnessMetric,
])
export type MetricDefinition = z.output<typeof metricDefinition>
/** Metrics of whole sets of images. */
export type DistanceMetric = Extract<MetricDefinition, { type: 'kernel-distance' | 'frechet-distance' | 'cmmd' }>
/** Metrics that give each image a value. */
export type ValueMetric = Exclude<MetricDefinition, DistanceMetric>
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
    kernelDistanceMetric.extend({
      against,
      // A training judges what it draws by the classifier alone.
      features: z.literal('finger-classifier').default('finger-classifier'),
      prompts: drawnPrompts,
    }),
  ] as const
}

/** Whether a metric's values are better when they are higher or lower. */
export const betterOf = {
  'finger-count': 'higher',
  'defect-rate': 'lower',
  'defect-probability': 'lower',
  'kernel-distance': 'lower',
  'frechet-distance': 'lower',
  cmmd: 'lower',
  'clip-score': 'higher',
  'nearest-image': 'lower',
  sharpness: 'higher',
} as const satisfies Record<MetricDefinition['type'], 'higher' | 'lower'>

/** The extractor whose features a metric is taken on; null where the finger classifier's judgement decides. */
export function extractorOf(metric: MetricDefinition): ExtractorSettings | null {
  if (metric.type === 'sharpness') return { type: 'sharpness' }
  return 'features' in metric && metric.features !== 'finger-classifier' ? metric.features : null
}

/** Whether a metric is one of whole sets of images. */
export function isDistance(metric: MetricDefinition): metric is DistanceMetric {
  return metric.type === 'kernel-distance' || metric.type === 'frechet-distance' || metric.type === 'cmmd'
}

/** Whether each image counts as yes or no. */
export function isYesNo({ type }: MetricDefinition): boolean {
  return type === 'finger-count' || type === 'defect-rate'
}

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
 * Unbiased kernel distance to a dataset's images, equal in number, on the finger classifier's features or those of an
 * extractor: with `features: inception({ … })` it is KID. A study names its datasets; a training, which has the
 * classifier's features only, takes one that `lab.dataset` gave.
 */
export function kernelDistanceTo<Against, Settings extends Omit<Options<typeof kernelDistanceMetric>, 'against'>>(
  against: Against,
  options?: Settings,
) {
  return { type: 'kernel-distance' as const, against, ...(options as Settings) }
}

/** Fréchet distance to a dataset's images, equal in number: with `features: inception({ … })` it is FID. */
export function frechetDistanceTo(against: string, options?: Omit<Options<typeof frechetDistanceMetric>, 'against'>) {
  return { type: 'frechet-distance' as const, against, ...options }
}

/** CMMD to a dataset's images, equal in number, on the embeddings of a CLIP, as published that of ViT-L/14 at 336 pixels. */
export function cmmdTo(against: string, options: Omit<Options<typeof cmmdMetric>, 'against'>) {
  return { type: 'cmmd' as const, against, ...options }
}

/** How well a CLIP finds image and prompt to agree; with the model of PickScore or HPS v2, how well people may like it. */
export function clipScoreOf(options: Options<typeof clipScoreMetric>) {
  return { type: 'clip-score' as const, ...options }
}

/** Cosine of each image with the most similar image of a dataset: near 1 for what was learned by heart. */
export function nearestImageIn(against: string, options?: Omit<Options<typeof nearestImageMetric>, 'against'>) {
  return { type: 'nearest-image' as const, against, ...options }
}

/** Variance of the Laplacian of each image's luma. */
export function sharpness(options?: Options<typeof sharpnessMetric>) {
  return { type: 'sharpness' as const, ...options }
}

/**
 * A metric of one's own that chooses the result of a training: `measure` gets the pictures that were drawn for `prompts`
 * and gives a finite number. It may ask the lab, which waits for it.
 */
export function pictureMetric(options: Omit<z.input<typeof customMetric>, 'type'>) {
  return { type: 'custom' as const, ...options }
}
