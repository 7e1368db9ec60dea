import { z } from 'zod'
import type { BestRecord } from '../artefact/record.ts'
import { type BestOfStudy, bestSettings } from '../config/best.ts'
import { betterOf, customMetric, drawnMetrics } from '../config/metric.ts'
import type { TrainingSettings } from '../config/training.ts'
import type { Dataset } from '../dataset/index.ts'
import { ConfigError } from '../errors/index.ts'
import { datasetInput } from './inputs.ts'

const metric = z.discriminatedUnion('type', [...drawnMetrics(datasetInput), customMetric])
export const best = bestSettings(metric)

/** What chooses the result of a training, with every default. */
export type Best = z.output<typeof best>
/** Of these the ones that look at pictures. */
export type BestByMetric = Extract<Best, { type: 'metric' }>
export type DrawnMetric = BestByMetric['metric']

/** What chooses the result of a training, when it looks, and what that costs. */
export interface MeasurementPlan {
  /** The metric's name, or `held-out-loss`. */
  readonly metric: string
  readonly better: 'higher' | 'lower'
  /** Steps after which it is taken. */
  readonly steps: readonly number[]
  /** Pictures that are drawn each time; 0 for the held-out loss. */
  readonly pictures: number
  /** Measurements without a better one after which the training ends; null takes all steps. */
  readonly patience: number | null
}

/** Prompts that are drawn for a metric. */
export function promptsOf(metric: DrawnMetric | BestOfStudy['metric']): readonly string[] {
  return metric.type === 'finger-count' ? Object.keys(metric.expected) : metric.prompts
}

/** How a metric is called, and which of two values is better. */
export function describeMetric(metric: DrawnMetric): Pick<MeasurementPlan, 'metric' | 'better'> {
  if (metric.type === 'custom') return { metric: metric.name, better: metric.better }
  return { metric: metric.type, better: betterOf[metric.type] }
}

/**
 * When is measured in a training of so many steps, and what.
 *
 * @param heldOutEvery steps between held-out losses
 */
export function planMeasurements(chosen: Best, steps: number, heldOutEvery: number | null): MeasurementPlan {
  const byMetric = chosen.type === 'metric'
  const every = (byMetric ? chosen.every : heldOutEvery) ?? steps
  return {
    ...(byMetric ? describeMetric(chosen.metric) : { metric: chosen.type, better: 'lower' }),
    steps: Array.from({ length: Math.ceil(steps / every) }, (_, i) => Math.min((i + 1) * every, steps)),
    pictures: byMetric ? promptsOf(chosen.metric).length * chosen.seeds.length : 0,
    patience: chosen.patience,
  }
}

/** What of it decides the result: the metric by its settings, and a dataset by its hash. */
export function identityOfBest({ metric, sampling, ...how }: BestByMetric): Record<string, unknown> {
  const { batchSize: _speed, ...drawn } = sampling
  return { ...how, sampling: drawn, metric: identityOfMetric(metric) }
}

/** A metric as it is written down. */
function identityOfMetric(metric: DrawnMetric): Record<string, unknown> {
  if (metric.type === 'kernel-distance') return { ...metric, against: metric.against.sha256 }
  const { measure: _function, ...named } = { measure: null, ...metric }
  return named
}

/** What a metric chose by, for the record of the training. */
export function recordOfBest(
  { metric, type, ...settings }: BestByMetric,
  values: readonly { readonly step: number; readonly value: number }[],
): BestRecord {
  return {
    type,
    name: describeMetric(metric).metric,
    metric: identityOfMetric(metric) as BestJson,
    better: describeMetric(metric).better,
    settings: settings as unknown as BestJson,
    values: values.map(({ step, value }) => ({ step, value })),
  }
}
type BestJson = Extract<BestRecord, { type: 'metric' }>['settings']

/**
 * Refuses a choice that could not be made, or that would always fall on the same weights.
 *
 * @param heldOutEvery steps between held-out losses; null when none are measured
 */
export function checkBest(
  chosen: Best | BestOfStudy,
  { technique, steps }: TrainingSettings,
  heldOutEvery: number | null,
): void {
  if (chosen.type === 'held-out-loss' && heldOutEvery === null) {
    throw new ConfigError({
      code: 'best-without-held-out',
      message: 'best chooses by the held-out loss, and no images are held out. Name some: heldOut: { dataset }.',
    })
  }
  const every = chosen.type === 'metric' ? chosen.every : (heldOutEvery ?? 1)
  const place = chosen.type === 'metric' ? 'best.every' : 'heldOut.every'
  if (every >= steps) {
    refuse('best', `${place} is ${every} and the training has ${steps} steps: only the last ones would be measured`)
  }
  if (chosen.patience !== null && (chosen.patience + 1) * every >= steps) {
    refuse(
      'best.patience',
      `${chosen.patience} more measurements after the first one, each ${every} steps, reach the end`,
    )
  }
  if (chosen.type === 'metric') checkDrawing(chosen, technique)
}

function checkDrawing(chosen: BestByMetric | BestOfStudy, technique: TrainingSettings['technique']): void {
  const { metric, control, seeds, negativePrompt, sampling } = chosen
  const prompts = promptsOf(metric)
  const classifier = 'classifier' in chosen ? chosen.classifier : null
  if (metric.type === 'custom' && classifier !== null) refuse('best.classifier', 'the metric is a function of its own')
  if (negativePrompt !== '' && sampling.guidance === 1) {
    refuse('best.negativePrompt', 'best.sampling.guidance is 1, which is none')
  }
  if (control !== null && technique.type !== 'control-net') refuse('best.control', 'no ControlNet is trained')
  if (control === null && technique.type === 'control-net') {
    throw new ConfigError({
      code: 'control-picture-missing',
      message: 'Pictures of a ControlNet need one that controls them. Name it as best.control.',
    })
  }
  if (metric.type === 'kernel-distance') checkReference(metric.against, prompts.length * seeds.length)
  const unread = unreadWord(technique, prompts, negativePrompt)
  if (unread === null) return
  throw new ConfigError({
    code: 'learned-word-unused',
    message: `The training learns ${unread.word}, but ${unread.where}, so that all pictures would be those of the base. Write it there.`,
    facts: { word: unread.word, prompts, negativePrompt },
  })
}

function checkReference(against: Dataset | string, pictures: number): void {
  // How many images a study's dataset has is known when it is opened.
  const images = typeof against === 'string' ? pictures : against.items.length
  if (pictures >= 3 && images >= pictures) return
  throw new ConfigError({
    code: 'too-few-images',
    message: `A kernel distance compares as many pictures with as many images, at least 3; these are ${pictures} pictures (prompts times seeds) and ${images} images. ${pictures < 3 ? 'Draw more seeds' : 'Draw fewer seeds, or give more images'}.`,
    facts: { pictures, images },
  })
}

/** A learned word that nothing drawn would show. */
function unreadWord(
  technique: TrainingSettings['technique'],
  prompts: readonly string[],
  negativePrompt: string,
): { readonly word: string; readonly where: string } | null {
  if (technique.type === 'negative-embedding' && !negativePrompt.includes(technique.placeholder)) {
    return { word: technique.placeholder, where: 'best.negativePrompt does not contain it' }
  }
  if (technique.type !== 'textual-inversion') return null
  const found = technique.tokens.find(({ placeholder }) => !prompts.some((text) => text.includes(placeholder)))
  return found === undefined ? null : { word: found.placeholder, where: 'no prompt of best.metric contains it' }
}

function refuse(setting: string, reason: string): never {
  throw new ConfigError({
    code: 'setting-without-effect',
    message: `${setting} has no effect: ${reason}. Leave it out, or change it.`,
    facts: { setting },
  })
}
