import { z } from 'zod'
import { ratingsEnding } from '../artefact/rating-record.ts'
import { bestOfStudy } from '../config/best.ts'
import { dreamBoothSettings } from '../config/dream-booth.ts'
import { armRepair } from '../config/hands-detail.ts'
import { metricDefinition } from '../config/metric.ts'
import { adapterReference, prompt, samplingSettings, seed } from '../config/sampling.ts'
import { presentation, subsetInput } from '../config/subset.ts'
import { trainingSettings } from '../config/training.ts'
import { axisDefinition } from './axis.ts'
import { budgetDefinition } from './budget.ts'
import { designDefinition } from './design.ts'
import { exceptionDefinition } from './exception.ts'
import { halvingDefinition } from './halving.ts'

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$/, 'starts with a letter or digit, at most 60 characters')

const { sampler, steps, guidance, guidanceRescale, zeroTerminalSnr, width, height, text } = samplingSettings.shape
/** Sampling settings without their defaults; images drawn together change nothing that arms could differ in. */
const ownSampling = z.strictObject({
  sampler: sampler.unwrap().optional(),
  steps: steps.unwrap().optional(),
  guidance: guidance.unwrap().optional(),
  guidanceRescale: guidanceRescale.unwrap().optional(),
  zeroTerminalSnr: zeroTerminalSnr.unwrap().optional(),
  width: width.unwrap().optional(),
  height: height.unwrap().optional(),
  text: text.unwrap().optional(),
})

/** What one arm changes about a base; nothing at all is the base alone. */
export const armDefinition = z.strictObject({
  /** A technique trained for this arm; arms with equal settings share one training. */
  train: trainingSettings
    .extend({
      ...presentation.shape,
      // With any of these it is a DreamBooth; class images of its own are a subset with `regularisation`.
      ...dreamBoothSettings.omit({ classFolder: true }).shape,
      /** Name of the dataset to train on; null takes the study's only one, or the subsets. */
      dataset: z.string().nullable().default(null),
      /** Several datasets by name, each with how often and how it is seen. */
      subsets: z
        .array(subsetInput.extend({ dataset: z.string() }))
        .nullable()
        .default(null),
      /** A metric of pictures that chooses the result; null takes the last weights. Prompts are drawn as it words them. */
      best: bestOfStudy.nullable().default(null),
    })
    .nullable()
    .default(null),
  /** Multiplies the change of the trained LoRA; ignored by embeddings. */
  strength: z.number().finite().default(1),
  /** Adapter files laid over the base as well. */
  adapters: z.array(adapterReference).default([]),
  negativePrompt: prompt.default(''),
  /** Words of the prompts and what this arm writes instead, for example `{ hand: '<hand>' }`. */
  replace: z.record(z.string().min(1), z.string()).default({}),
  /** Sampling settings in which it differs from the study. */
  sampling: ownSampling.default({}),
  /** Repairs the hands of what was drawn, with the same base; null leaves the pictures as they are. */
  repair: armRepair.nullable().default(null),
  /** The only base of the study that it runs on; null runs it on all. */
  base: z.string().nullable().default(null),
  /** The only prompts of the study that it draws, as the study words them; null draws all. */
  prompts: z.array(prompt).min(1).nullable().default(null),
  /** The only seeds of the study that it draws; null draws all. */
  seeds: z.array(seed).min(1).nullable().default(null),
  /**
   * Settings of this arm by name (`rank`, `optimizer.learningRate`, `sampling.sampler`, `strength`, `base`, `seeds`, …)
   * and the values they take: `[4, 8]`, or by name `{ mild: { … }, harsh: { … } }`. Each combination makes an arm.
   */
  over: z.record(z.string().min(1), axisDefinition).default({}),
  /** Which combinations are run; all by default. */
  design: designDefinition.prefault({ type: 'full' }),
  /** What is not run, known beforehand and shown as not applicable. */
  except: z.array(exceptionDefinition).default([]),
})
export type ArmDefinition = z.output<typeof armDefinition>

/** An arm whose axes have one value each, with every sampling setting. */
export const variantDefinition = armDefinition.omit({ over: true, design: true, except: true }).extend({
  sampling: samplingSettings,
})
export type VariantDefinition = z.output<typeof variantDefinition>

const datasetSource = z.strictObject({
  path: z.string().min(1),
  /** One caption for all images; null takes what the folder says. */
  caption: prompt.nullable().default(null),
  /** Keeps so many images, drawn by `seed`; null keeps all. */
  limit: z.int().min(1).nullable().default(null),
  seed: seed.default(0),
  /** Trains also on images whose licence forbids derived works. */
  keepNoDerivatives: z.boolean().default(false),
})
const datasetDefinition = z.union([
  z
    .string()
    .min(1)
    .transform((path) => datasetSource.parse({ path })),
  datasetSource,
])
export type DatasetDefinition = z.output<typeof datasetSource>

export const figureDefinition = z.strictObject({
  type: z.literal('grid'),
  rows: z.enum(['arm', 'prompt', 'seed']).default('arm'),
  columns: z.enum(['arm', 'prompt', 'seed']).default('seed'),
  /** Only the first so many seeds are shown; null shows all. */
  seeds: z.int().min(1).nullable().default(null),
})
export type FigureInput = z.input<typeof figureDefinition>

export const studyDefinition = z.strictObject({
  /** Also the name of the study's folder. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dots and hyphens, at most 100')
    .refine((name) => !name.endsWith(ratingsEnding), `must not end with ${ratingsEnding}, as folders of ratings do`),
  /** Bases by name or path; every arm runs on each. */
  bases: z.array(z.string().min(1)).min(1),
  arms: z.record(name, armDefinition),
  /** Arm that the others are compared with: of its variants the one with the same values of the axes both have. */
  baseline: z.string().default('baseline'),
  /** Datasets by name: the path of a folder, or that and how to read it. */
  datasets: z.record(name, datasetDefinition).default({}),
  prompts: z.array(prompt).min(1),
  /** Seeds, or how many: 8 means 1 to 8. */
  seeds: z.union([
    z
      .int()
      .min(1)
      .max(10_000)
      .transform((count) => Array.from({ length: count }, (_, i) => i + 1)),
    z.array(seed).min(1),
  ]),
  sampling: samplingSettings.prefault({}),
  metrics: z.array(metricDefinition).default([]),
  /** Area under the curve, as its card has it, below which a report greys a metric. */
  validityThreshold: z.number().min(0.5).max(1).default(0.7),
  /** Rounds that choose which of the arms that train are compared; null compares all. */
  halving: halvingDefinition.nullable().default(null),
  /** What one run may take; no limit by default. It changes no result, so the next run goes on. */
  budget: budgetDefinition.prefault({}),
  figures: z
    .record(name, figureDefinition)
    .default({ samples: { type: 'grid', rows: 'arm', columns: 'seed', seeds: null } }),
  /** Finger classifier's file; null takes the one that comes with the package. */
  classifier: z.string().nullable().default(null),
})

/** A study with every default filled in, checked and frozen. */
export type StudyDefinition = z.output<typeof studyDefinition>
/** A study as a user writes it. */
export type StudyInput = z.input<typeof studyDefinition>

/** A grid of images: two of arm, prompt and seed as rows and columns, one grid for each value of the third. */
export function grid(options: Omit<FigureInput, 'type'> = {}): FigureInput {
  return { type: 'grid', ...options }
}
