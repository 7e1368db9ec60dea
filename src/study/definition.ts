import { z } from 'zod'
import { metricDefinition } from '../config/metric.ts'
import { adapterReference, prompt, samplingSettings, seed } from '../config/sampling.ts'
import { presentation, subsetInput } from '../config/subset.ts'
import { trainingSettings } from '../config/training.ts'

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$/, 'starts with a letter or digit, at most 60 characters')

/** What one arm changes about a base; nothing at all is the base alone. */
export const armDefinition = z.strictObject({
  /** A technique trained for this arm; arms with equal settings share one training. */
  train: trainingSettings
    .extend({
      ...presentation.shape,
      /** Name of the dataset to train on; null takes the study's only one, or the subsets. */
      dataset: z.string().nullable().default(null),
      /** Several datasets by name, each with how often and how it is seen. */
      subsets: z
        .array(subsetInput.extend({ dataset: z.string() }))
        .nullable()
        .default(null),
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
  /** One setting of this arm and the values it takes; each makes an arm of its own. */
  over: z.record(z.string(), z.array(z.union([z.number(), z.string(), z.boolean()])).min(1)).default({}),
})
export type ArmDefinition = z.output<typeof armDefinition>

const datasetSource = z.strictObject({
  path: z.string().min(1),
  /** One caption for all images; null takes what the folder says. */
  caption: prompt.nullable().default(null),
  /** Keeps so many images, drawn by `seed`; null keeps all. */
  limit: z.int().min(1).nullable().default(null),
  seed: seed.default(0),
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
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dots and hyphens, at most 100'),
  /** Bases by name or path; every arm runs on each. */
  bases: z.array(z.string().min(1)).min(1),
  arms: z.record(name, armDefinition),
  /** Arm that the others are compared with. */
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
