import { resolve as absolute, join } from 'node:path'
import { z } from 'zod'
import { labFolders } from '../artefact/run-folder.ts'
import { engine, type KohyaEngine } from '../config/engine.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import { arePlain, presentation, type SubsetSettings, subsetInput, subsetsOf } from '../config/subset.ts'
import { type TrainingSettings, trainingSettings } from '../config/training.ts'
import type { Dataset } from '../dataset/index.ts'
import { ConfigError } from '../errors/index.ts'
import { expressTraining } from '../kohya/index.ts'
import type { JobOf } from '../protocol/jobs.ts'
import { type Best, type BestByMetric, best, checkBest, identityOfBest } from './best.ts'
import { baseInput, datasetInput, heldOutInput, referenceTo, refuseNoDerivatives } from './inputs.ts'
import type { Base } from './lab.ts'
import type { TrainRequest } from './training.ts'
import { bucketsOf, idleCropOf, trainingSize } from './training-sizes.ts'

const trainRequest = trainingSettings.extend({
  ...presentation.shape,
  base: baseInput,
  dataset: datasetInput.optional(),
  subsets: z.array(subsetInput.extend({ dataset: datasetInput })).optional(),
  heldOut: heldOutInput.optional(),
  best: best.optional(),
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
      'must begin with a letter or digit and hold only these, dots and hyphens',
    )
    .optional(),
  folder: z.string().min(1).optional(),
  engine: engine.default('phalanx'),
})

/** A dataset with how it is seen. */
export type PlannedSubset = SubsetSettings & { readonly dataset: Dataset }

/** A training with its place, before it runs. */
export interface TrainPlan {
  readonly job: JobOf<'train'>
  readonly base: Base
  /** In the order of the job's. */
  readonly subsets: readonly PlannedSubset[]
  /** The metric that chooses its result, if one does. */
  readonly best: BestByMetric | null
  /** Null for this package's own worker. */
  readonly engine: KohyaEngine | null
  /** Content id of everything that decides the result. */
  readonly config: string
}

/** The job of a training. Throws ConfigError. */
export function planTraining(input: TrainRequest, labFolder: string): TrainPlan {
  const {
    base,
    dataset,
    subsets: several,
    captionDropout,
    captions,
    flip,
    crop,
    inpaintingMasks,
    heldOut,
    best: choice,
    name: given,
    folder,
    engine: by,
    ...settings
  } = resolve(trainRequest, input, 'training')
  const subsets = subsetsOf<Dataset>({
    dataset,
    subsets: several,
    captionDropout,
    captions,
    flip,
    crop,
    inpaintingMasks,
  })
  refuseNoDerivatives(subsets.map((subset) => subset.dataset))
  refuseWithoutEffect(settings.technique, subsets)
  refuseRepeatedClassImages(subsets)
  refuseIdleMasks(settings.technique, base, subsets)
  const buckets = bucketsOf(settings, base, [
    ...subsets.map((subset) => subset.dataset),
    ...(heldOut === undefined ? [] : [heldOut.dataset]),
  ])
  refuseIdleCrop(idleCropOf(subsets, buckets, trainingSize(settings, base)))
  // How often to save and what to show on the way do not change what is learned.
  const { checkpointEvery: _every, checkpointsKept: _kept, preview: _preview, ...learned } = settings
  if (choice !== undefined) checkBest(choice, settings, heldOut?.every ?? null)
  const chosen = choice === undefined ? null : choiceOf(choice, heldOut)
  const identity = { settings: learned, base: base.description.sha256, data: subsets.map(identityOf), chosen }
  const foreign = by === 'phalanx' ? null : by === 'kohya' ? ({ type: 'kohya' } as const) : by
  const name =
    given ??
    `${settings.technique.type}-${contentId(foreign === null ? identity : { ...identity, engine: foreign.type }).slice(0, 12)}`
  if (heldOut !== undefined) refuseOverlap(subsets, heldOut.dataset)
  const job = {
    type: 'train',
    base: base.folder,
    subsets: subsets.map((subset) => ({ ...subset, dataset: referenceTo(subset.dataset) })),
    settings,
    buckets,
    heldOut:
      heldOut === undefined
        ? null
        : {
            ...heldOut,
            dataset: referenceTo(heldOut.dataset),
            best: choice?.type === 'held-out-loss' ? { patience: choice.patience } : null,
          },
    pauseAfter: null,
    output: absolute(folder ?? join(labFolder, labFolders.runs, name)),
    name,
  } as const
  // Refused now rather than when its turn comes.
  const byMetric = choice?.type === 'metric' ? choice : null
  if (foreign !== null) expressTraining({ ...job, pauseAfter: byMetric?.every ?? null }, base.description)
  return { base, subsets, best: byMetric, engine: foreign, config: contentId({ ...identity, name }), job }
}

/** An autoencoder reads no captions and counts all images the same; the captions of an inversion are templates. */
function refuseWithoutEffect({ type }: TrainingSettings['technique'], subsets: readonly PlannedSubset[]): void {
  const unread = type === 'autoencoder' || type === 'textual-inversion'
  const setting =
    unread && !subsets.every(({ captions }) => arePlain(captions))
      ? 'captions'
      : type === 'autoencoder' && subsets.some(({ weight }) => weight !== 1)
        ? 'weight'
        : null
  if (setting === null) return
  throw new ConfigError({
    code: 'setting-without-effect',
    message: `${setting} has no effect on the technique ${type}. Leave it out.`,
    facts: { setting, technique: type },
  })
}

/** Class images are seen in turn, as often as all others together. */
function refuseRepeatedClassImages(subsets: readonly PlannedSubset[]): void {
  const repeated = subsets.find(
    ({ dataset, regularisation }) => regularisation && dataset.items.some(({ repeats }) => repeats > 1),
  )
  if (repeated === undefined) return
  throw new ConfigError({
    code: 'setting-without-effect',
    message: `The repeats of ${repeated.dataset.root} have no effect: class images are seen as often as all other images together. Give its folder the number 1, or leave repeats out of its metadata.`,
    facts: { setting: 'repeats', dataset: repeated.dataset.root },
  })
}

/** Only a denoising network made for inpainting is shown what to fill in. */
function refuseIdleMasks(
  { type }: TrainingSettings['technique'],
  { description }: Base,
  subsets: readonly PlannedSubset[],
): void {
  if (description.inpainting && type !== 'autoencoder') return
  if (subsets.every(({ inpaintingMasks }) => inpaintingMasks === 'random')) return
  throw new ConfigError({
    code: 'setting-without-effect',
    message: `inpaintingMasks has no effect: ${description.inpainting ? `the technique ${type} fills nothing in` : 'the base is not made for inpainting'}. Leave it out, or train on what the masks show with objective.mask.`,
    facts: { setting: 'inpaintingMasks' },
  })
}

function refuseIdleCrop(idle: PlannedSubset | undefined): void {
  if (idle === undefined) return
  throw new ConfigError({
    code: 'setting-without-effect',
    message: `crop has no effect on ${idle.dataset.root}: all its images have the aspect of the size that they are trained at, and nothing is cut off. Leave it out.`,
    facts: { setting: 'crop', dataset: idle.dataset.root },
  })
}

/** What decides when to stop and what to keep. */
function choiceOf(chosen: Best, heldOut: z.output<typeof heldOutInput> | undefined): object {
  if (chosen.type === 'metric') return identityOfBest(chosen)
  return { ...chosen, every: heldOut?.every, dataset: heldOut?.dataset.sha256 }
}

/** What of a subset decides the result. */
function identityOf({ dataset, ...how }: PlannedSubset): object {
  return { ...how, dataset: dataset.sha256 }
}

function refuseOverlap(trained: readonly PlannedSubset[], heldOut: Dataset): void {
  const known = new Set(trained.flatMap(({ dataset }) => dataset.items.map(({ sha256 }) => sha256)))
  const shared = heldOut.items.filter(({ sha256 }) => known.has(sha256))
  if (shared.length === 0) return
  throw new ConfigError({
    code: 'held-out-overlap',
    message: `${shared.length} of the ${heldOut.items.length} held-out images are also trained on, ${shared[0]?.file} for one. Take them out of either dataset.`,
    facts: { shared: shared.length, file: shared[0]?.file ?? null },
  })
}
