import { z } from 'zod'
import { idleSettings } from '../config/idle-settings.ts'
import { publishedNames } from '../config/published.ts'
import { resolve } from '../config/resolve.ts'
import { type TrainingSettings, trainingSettings } from '../config/training.ts'
import type { Dataset } from '../dataset/index.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import type { ExplainRequest, Explanation } from './explanation.ts'
import { baseInput, datasetInput } from './inputs.ts'
import type { Base } from './lab.ts'

const explainRequest = trainingSettings.extend({
  base: z.union([z.enum(publishedNames), baseInput]),
  dataset: datasetInput.optional(),
})

/** A training that is only looked at. */
export interface ExplainPlan {
  readonly job: JobOf<'explain'>
  readonly base: Base | (typeof publishedNames)[number]
  readonly dataset: Dataset | undefined
  /** As the user wrote it. */
  readonly given: ExplainRequest
}

/** The job of an explanation. Throws ConfigError. */
export function planExplanation(given: ExplainRequest): ExplainPlan {
  const { base, dataset, ...settings } = resolve(explainRequest, given, 'training')
  const place =
    typeof base === 'string'
      ? ({ type: 'published', name: base } as const)
      : ({ type: 'stored', path: base.folder } as const)
  return { job: { type: 'explain', base: place, settings }, base, dataset, given }
}

/** What the worker found, with what follows from it. */
export function explanationOf(plan: ExplainPlan, { type: _, ...found }: ResultOf<'explain'>): Explanation {
  const { settings } = plan.job
  const imagesPerStep = settings.batchSize * settings.accumulation
  const images = plan.dataset?.items.length
  const wideConvolutions = found.layers.reduce((sum, layers) => sum + layers.wideConvolutions, 0)
  const epochs = images === undefined ? null : (settings.steps * imagesPerStep) / images
  return {
    ...found,
    base: typeof plan.base === 'string' ? plan.base : plan.base.name,
    settings,
    imagesPerStep,
    epochs,
    idle: idleSettings(plan.given, settings, { wideConvolutions }),
    remarks: [...remarksOn(found, settings, epochs), ...remarksOnWords(plan)],
  }
}

function* remarksOn(
  { layers }: Pick<ResultOf<'explain'>, 'layers'>,
  { schedule, steps, technique }: TrainingSettings,
  epochs: number | null,
): Generator<string> {
  const overfull = layers.reduce((sum, { overfull }) => sum + overfull, 0)
  if (overfull > 0) {
    yield `The rank is larger than a dimension of ${overfull} layers: there it costs memory and adds nothing.`
  }
  if ('warmupSteps' in schedule && schedule.warmupSteps >= steps) {
    yield `The warm-up of ${schedule.warmupSteps} steps is not over before the end: the full learning rate is never reached.`
  }
  if (epochs !== null && epochs < 1) {
    yield `Only ${(100 * epochs).toFixed(0)} % of the images are seen. Take more steps or larger batches.`
  }
  if (technique.type === 'textual-inversion') {
    yield "Captions come from the technique's templates; those of the dataset have no effect."
  }
  if (technique.type === 'autoencoder') yield 'Captions have no effect on an autoencoder.'
}

function* remarksOnWords({ base, job }: ExplainPlan): Generator<string> {
  const { technique } = job.settings
  const words =
    technique.type === 'textual-inversion'
      ? technique.tokens.map(({ initialWord }) => initialWord)
      : technique.type === 'negative-embedding'
        ? [technique.initialWord]
        : []
  if (typeof base === 'string' && words.some((word) => word)) {
    yield `Whether the initial words are single tokens is seen only with the vocabulary of ${base}; here they are taken to be.`
  }
}
