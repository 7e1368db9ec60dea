import { z } from 'zod'
import { families } from '../config/architecture.ts'
import { trainingOutcome } from './record.ts'

/** Name of the file in a study's folder that holds its {@link StudyRecord}. */
export const studyRecordFile = 'study.json'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const index = z.int().min(0)

/** A value with its confidence interval. */
const estimate = z.strictObject({
  value: z.number(),
  low: z.number(),
  high: z.number(),
  /** How the interval was made. */
  method: z.string(),
})

/** An arm's change against the baseline arm of the same base, on the same prompts and seeds. */
const pairedDifference = estimate.extend({
  /** Name of the test behind `p`. */
  test: z.string(),
  p: z.number(),
  /** Corrected for the number of arms (Holm). */
  adjustedP: z.number(),
})

export const metricRow = z.strictObject({
  arm: z.string(),
  /** Images (or pairs of sets) behind the value. */
  count: z.int(),
  /** Null when the metric does not apply or could not be taken; `reason` says why. */
  estimate: estimate.nullable(),
  reason: z.string().nullable(),
  difference: pairedDifference.nullable(),
})
export type MetricRow = z.output<typeof metricRow>

/** What one setting, or two together, change on the average over all other settings of a design. */
const effectRecord = z.strictObject({
  /** Arm of the definition whose variants were compared, with its base where there are several. */
  family: z.string(),
  /** The setting, or the two that interact. */
  axes: z.array(z.string()),
  /** The values that are compared, as "8 against 4"; an interaction is half the difference of two such differences. */
  contrast: z.string(),
  /** Effects of at most two settings that the design cannot tell from this one. */
  aliases: z.array(z.array(z.string())),
  change: pairedDifference.nullable(),
  /** Why it could not be estimated. */
  reason: z.string().nullable(),
})
export type EffectRecord = z.output<typeof effectRecord>

export const metricRecord = z.strictObject({
  id: z.string(),
  /** What is measured, in a few words, for example "right number of fingers". */
  label: z.string(),
  unit: z.enum(['share', 'probability', 'distance', 'count', 'score']),
  better: z.enum(['higher', 'lower']),
  /** How it is measured, in a sentence or two: model, features, threshold, reference. */
  description: z.string(),
  /** What was found when the metric itself was tested; null when it was not. */
  validity: z.string().nullable(),
  /** What its card says overall, and the area below which it is greyed; null when it has none in the lab. */
  trust: z
    .strictObject({ kind: z.string(), auc: z.number(), low: z.number(), high: z.number(), threshold: z.number() })
    .nullable()
    .default(null),
  /** Prompts it is taken on. */
  prompts: z.array(index),
  /** What the intervals speak for: new seeds of these prompts, or new prompts as well. */
  scope: z.enum(['seeds', 'prompts-and-seeds']),
  rows: z.array(metricRow),
  /** Of the settings that arms vary; none in studies of old. */
  effects: z.array(effectRecord).default([]),
})
export type MetricRecord = z.output<typeof metricRecord>

export const studyImage = z.strictObject({
  arm: z.string(),
  /** Index into the study's prompts. */
  prompt: index,
  seed: index,
  /** Relative to the study's folder. */
  file: z.string(),
  width: z.int(),
  height: z.int(),
  /** Fingers that the classifier counted; null when it did not look. */
  fingers: z.int().nullable(),
  /** Fingers that the study expects for this prompt. */
  expectedFingers: z.int().nullable(),
  defectProbability: z.number().nullable(),
})
export type StudyImage = z.output<typeof studyImage>

/** What came of a training, its series relative to the study's folder. */
export const trainingRecord = trainingOutcome
  .omit({ path: true, resumedFrom: true, exportedStep: true, heldOutLoss: true })
  .extend({
    /** Content key of the cell. */
    key: z.string(),
    /** Arms that sample from it. */
    arms: z.array(z.string()),
  })
export type TrainingRecord = z.output<typeof trainingRecord>

export const armRecord = z.strictObject({
  name: z.string(),
  base: z.string(),
  /** Whether other arms of this base are compared with it. */
  baseline: z.boolean(),
  /** Arm that it is compared with; null for a baseline, and unknown and so null in studies of old. */
  comparedWith: z.string().nullable().default(null),
  /** What it does, in a few words. */
  summary: z.string(),
  /** The study's prompts as this arm words them. */
  prompts: z.array(z.string()),
  negativePrompt: z.string(),
  /** Every setting, defaults included. */
  settings: z.json(),
  /** Prompts of which there are no pictures: `not-applicable` by the study's own words, or what became of the cell. */
  missing: z
    .array(
      z.strictObject({
        prompt: index,
        status: z.enum(['not-applicable', 'failed', 'skipped', 'left']),
        reason: z.string(),
      }),
    )
    .default([]),
  /** Cost of its samples; null when none were drawn. */
  sampling: z.strictObject({ images: z.int(), seconds: z.number(), peakMemoryBytes: z.int() }).nullable(),
})
export type ArmRecord = z.output<typeof armRecord>

/** Which combinations of settings an arm's variants are. */
export const designRecord = z.strictObject({
  /** Name of the arm in the definition. */
  family: z.string(),
  axes: z.array(z.strictObject({ name: z.string(), values: z.array(z.string()) })),
  /** Combinations that were run, of how many. */
  runs: z.int(),
  combinations: z.int(),
  /** Of a fraction: fewest settings whose interaction looks like a constant; null for all combinations. */
  resolution: z.int().nullable(),
})
export type DesignRecord = z.output<typeof designRecord>

/** How arms were chosen before they were compared. */
export const halvingRecord = z.strictObject({
  /** Place of the deciding metric among the study's. */
  metric: index,
  keep: z.number(),
  seeds: z.array(index),
  rounds: z.array(
    z.strictObject({
      /** Training steps. */
      steps: z.int(),
      /** Value of the metric, null when it could not be taken, and whether the arm went on. */
      arms: z.array(z.strictObject({ arm: z.string(), value: z.number().nullable(), kept: z.boolean() })),
    }),
  ),
})
export type HalvingRecord = z.output<typeof halvingRecord>

/** A named layout of images: two of arm, prompt and seed span each grid, the third makes one grid per value. */
export const figureRecord = z.strictObject({
  name: z.string(),
  type: z.literal('grid'),
  rows: z.enum(['arm', 'prompt', 'seed']),
  columns: z.enum(['arm', 'prompt', 'seed']),
  /** Only the first so many seeds are shown; null shows all. */
  seeds: z.int().min(1).nullable(),
})
export type FigureRecord = z.output<typeof figureRecord>

export const failureRecord = z.strictObject({
  cell: z.string(),
  label: z.string(),
  arms: z.array(z.string()),
  /** `failed` by its own error, `skipped` because a cell it needs failed, `left` because a budget or the disk ran out. */
  status: z.enum(['failed', 'skipped', 'left']),
  code: z.string(),
  message: z.string(),
})
export type FailureRecord = z.output<typeof failureRecord>

/** Everything a study found and how, as written to its folder; the report is made from it and the files it names. */
export const studyRecord = z.strictObject({
  format: z.literal('phalanx-study'),
  version: z.literal(1),
  name: z.string(),
  /** SHA-256 of the frozen plan. */
  plan: sha256,
  finished: z.boolean(),
  bases: z.array(
    z.strictObject({ name: z.string(), sha256, family: z.enum(families), imageSize: z.int(), parameters: z.int() }),
  ),
  datasets: z.array(z.strictObject({ name: z.string(), sha256, images: z.int() })),
  prompts: z.array(z.string()),
  seeds: z.array(index),
  sampling: z.json(),
  arms: z.array(armRecord),
  /** Of arms that vary more than one setting; none in studies of old. */
  designs: z.array(designRecord).default([]),
  /** Null when all arms were compared. */
  halving: halvingRecord.nullable().default(null),
  trainings: z.array(trainingRecord),
  images: z.array(studyImage),
  metrics: z.array(metricRecord),
  figures: z.array(figureRecord),
  failures: z.array(failureRecord),
  /** Name to version, device or hash: what a repeat needs. */
  environment: z.record(z.string(), z.string()),
  classifier: z.strictObject({ name: z.string(), sha256 }).nullable(),
})
export type StudyRecord = z.output<typeof studyRecord>
