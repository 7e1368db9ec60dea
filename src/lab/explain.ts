import { z } from 'zod'
import {
  checkDreamBooth,
  type DreamBoothSettings,
  dreamBoothSettings,
  idleDreamBooth,
  splitDreamBooth,
} from '../config/dream-booth.ts'
import { type IdleSetting, idleSettings } from '../config/idle-settings.ts'
import { publishedNames } from '../config/published.ts'
import { resolve } from '../config/resolve.ts'
import { presentation, subsetInput, subsetsOf } from '../config/subset.ts'
import { type TrainingSettings, trainingSettings } from '../config/training.ts'
import { type Dataset, imagesOfEpoch } from '../dataset/index.ts'
import { ConfigError } from '../errors/index.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import { best, checkBest, type MeasurementPlan, planMeasurements } from './best.ts'
import { dreamBoothSubsets } from './dream-booth.ts'
import type { ClassImageCount, ExplainRequest, Explanation } from './explanation.ts'
import { baseInput, datasetInput, heldOutInput, referenceTo, refuseNoDerivatives } from './inputs.ts'
import type { Base } from './lab.ts'
import type { PlannedSubset } from './train.ts'
import { bucketsOf, idleCropOf, trainingSize } from './training-sizes.ts'

const subsetWithData = subsetInput.extend({ dataset: datasetInput })
const explainRequest = trainingSettings.extend({
  ...presentation.shape,
  base: z.union([z.enum(publishedNames), baseInput]),
  dataset: datasetInput.optional(),
  subsets: z.array(subsetWithData).optional(),
  heldOut: heldOutInput.optional(),
  best: best.optional(),
  measure: z.boolean().optional(),
})

/** Parameters of a UNet up to which steps are taken on a CPU without being asked for. */
const cheapParameters = 100_000_000

/** A training that is only looked at. */
export interface ExplainPlan {
  readonly job: JobOf<'explain'>
  readonly base: Base | (typeof publishedNames)[number]
  /** Images that are seen in an epoch, repeats and class images counted; null when nothing says so. */
  readonly epoch: number | null
  /** How each dataset is seen. */
  readonly subsets: readonly PlannedSubset[]
  /** What chooses the result; null for the last weights. */
  readonly best: MeasurementPlan | null
  readonly dreamBooth: DreamBoothSettings | null
  /** As the user wrote it. */
  readonly given: ExplainRequest
}

/**
 * The job of an explanation. Throws ConfigError, also (`nothing-to-measure`) for steps without images or weights.
 *
 * @param device where the steps would be taken
 */
export function planExplanation(given: ExplainRequest, device: string): ExplainPlan {
  const { dreamBooth: asked, training } = splitDreamBooth(given)
  const {
    base,
    dataset,
    subsets,
    captionDropout,
    captions,
    flip,
    crop,
    inpaintingMasks,
    measure,
    heldOut,
    best: choice,
    ...settings
  } = resolve(explainRequest, training, 'training')
  const dreamBooth = asked === null ? null : resolve(dreamBoothSettings, asked, 'DreamBooth')
  if (dreamBooth !== null) checkDreamBooth({ ...settings, subsets })
  const every = heldOut?.every ?? null
  if (choice !== undefined) checkBest(choice, settings, every)
  const place =
    typeof base === 'string'
      ? ({ type: 'published', name: base } as const)
      : ({ type: 'stored', path: base.folder } as const)
  const named = dataset !== undefined || subsets !== undefined
  // The pictures stand in for class images.
  const data =
    dreamBooth === null || dataset === undefined
      ? { dataset, subsets }
      : { subsets: dreamBoothSubsets(dreamBooth, dataset, dataset).map((subset) => subsetWithData.parse(subset)) }
  const planned = named ? subsetsOf<Dataset>({ ...data, captionDropout, captions, flip, crop, inpaintingMasks }) : []
  refuseNoDerivatives(planned.map((subset) => subset.dataset))
  if (measure && (planned.length === 0 || typeof base === 'string')) {
    throw new ConfigError({
      code: 'nothing-to-measure',
      message: `Steps are measured on images with a base that is on disk. Give a dataset, and open the base with lab.base(…), or leave out measure.`,
      facts: { images: planned.length > 0, base: typeof base === 'string' ? base : base.name },
    })
  }
  const cheap = typeof base !== 'string' && (device !== 'cpu' || base.description.unetParameters <= cheapParameters)
  const measured =
    (measure ?? cheap) ? planned.map((subset) => ({ ...subset, dataset: referenceTo(subset.dataset) })) : []
  const job = { type: 'explain', base: place, settings, measured } as const
  return {
    job,
    base,
    epoch: named ? epochOf(planned) : null,
    subsets: planned,
    dreamBooth,
    best: choice === undefined ? null : planMeasurements(choice, settings.steps, every),
    given,
  }
}

/** Class images are as many as all others. */
function epochOf(subsets: readonly PlannedSubset[]): number {
  const own = subsets.filter(({ regularisation }) => !regularisation)
  const images = own.reduce((sum, { dataset, repeats }) => sum + repeats * imagesOfEpoch(dataset), 0)
  return own.length < subsets.length ? 2 * images : images
}

/** What the worker found, with what follows from it. */
export function explanationOf(
  plan: ExplainPlan,
  { type: _, ...found }: ResultOf<'explain'>,
  classImages: ClassImageCount | null,
): Explanation {
  const { settings } = plan.job
  const imagesPerStep = settings.batchSize * settings.accumulation
  const wideConvolutions = found.layers.reduce((sum, layers) => sum + layers.wideConvolutions, 0)
  const epochs = plan.epoch === null ? null : (settings.steps * imagesPerStep) / plan.epoch
  return {
    ...found,
    base: typeof plan.base === 'string' ? plan.base : plan.base.name,
    settings,
    imagesPerStep,
    classImages,
    epochs,
    best: plan.best,
    idle: [
      ...idleSettings(plan.given, settings, { wideConvolutions }),
      ...idleCrops(plan),
      ...idleMasks(plan),
      ...(plan.dreamBooth === null ? [] : idleDreamBooth(plan.dreamBooth)),
    ],
    remarks: [...remarksOn(found, settings, epochs), ...remarksOnWords(plan), ...remarksOnCrops(plan)],
  }
}

function* idleCrops({ base, job, subsets }: ExplainPlan): Generator<IdleSetting> {
  if (typeof base === 'string') return
  const buckets = bucketsOf(
    job.settings,
    base,
    subsets.map(({ dataset }) => dataset),
  )
  const idle = idleCropOf(subsets, buckets, trainingSize(job.settings, base))
  if (idle !== undefined) {
    yield { setting: 'crop', reason: `nothing is cut off the images of ${idle.dataset.root}` }
  }
}

function* idleMasks({ base, subsets }: ExplainPlan): Generator<IdleSetting> {
  if (typeof base !== 'string' && base.description.inpainting) return
  if (subsets.some(({ inpaintingMasks }) => inpaintingMasks === 'dataset')) {
    yield { setting: 'inpaintingMasks', reason: 'the base is not made for inpainting' }
  }
}

function* remarksOnCrops({ subsets }: ExplainPlan): Generator<string> {
  if (subsets.some(({ crop }) => crop === 'random')) {
    yield 'Images that are cropped at random are encoded in every step: their latents cannot be kept.'
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
