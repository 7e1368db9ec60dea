import { mkdir } from 'node:fs/promises'
import { resolve as absolute, basename, isAbsolute, join, relative } from 'node:path'
import { z } from 'zod'
import { type Adapter, openAdapter } from '../artefact/adapter.ts'
import { type ControlNet, openControlNet } from '../artefact/control-net.ts'
import { type RunRecord, writeRunRecord } from '../artefact/record.ts'
import { labFolders } from '../artefact/run-folder.ts'
import { engine, type KohyaEngine } from '../config/engine.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import { arePlain, presentation, type SubsetSettings, subsetInput, subsetsOf } from '../config/subset.ts'
import { type TrainingSettings, trainingSettings } from '../config/training.ts'
import type { Dataset } from '../dataset/index.ts'
import { ArtefactError, ConfigError } from '../errors/index.ts'
import { expressTraining, readProvenance } from '../kohya/index.ts'
import { heldOutSettings, type JobOf } from '../protocol/jobs.ts'
import type { TrainResult } from '../protocol/results.ts'
import type { RunStream } from '../worker/index.ts'
import { type FinishedTraining, trainRunOf } from './finished-training.ts'
import { baseInput, datasetInput, referenceTo } from './inputs.ts'
import { JobRun } from './job-run.ts'
import type { Base, CallOptions, LabEnvironment, TrainRequest, TrainRun } from './lab.ts'
import { bucketsOf, idleCropOf, trainingSize } from './training-sizes.ts'

const trainRequest = trainingSettings.extend({
  ...presentation.shape,
  base: baseInput,
  dataset: datasetInput.optional(),
  subsets: z.array(subsetInput.extend({ dataset: datasetInput })).optional(),
  heldOut: heldOutSettings.extend({ dataset: datasetInput }).optional(),
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
  /** Null for this package's own worker. */
  readonly engine: KohyaEngine | null
  /** Content id of everything that decides the result. */
  readonly config: string
}

/** What a training needs of its lab. */
export interface TrainPlace {
  readonly submit: (plan: TrainPlan) => RunStream<TrainResult>
  readonly environment: () => LabEnvironment
  readonly openBase: (folder: string) => Promise<Base>
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
  refuseWithoutEffect(settings.technique, subsets)
  refuseIdleMasks(settings.technique, base, subsets)
  const buckets = bucketsOf(settings, base, [
    ...subsets.map((subset) => subset.dataset),
    ...(heldOut === undefined ? [] : [heldOut.dataset]),
  ])
  refuseIdleCrop(idleCropOf(subsets, buckets, trainingSize(settings, base)))
  // How often to save and what to show on the way do not change what is learned.
  const { checkpointEvery: _every, checkpointsKept: _kept, preview: _preview, ...learned } = settings
  const chosen = heldOut?.keepBest || heldOut?.patience != null ? choiceOf(heldOut) : null
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
    heldOut: heldOut === undefined ? null : { ...heldOut, dataset: referenceTo(heldOut.dataset) },
    output: absolute(folder ?? join(labFolder, labFolders.runs, name)),
    name,
  } as const
  // Refused now rather than when its turn comes.
  if (foreign !== null) expressTraining(job, base.description)
  return { base, subsets, engine: foreign, config: contentId({ ...identity, name }), job }
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

/** How held-out images decide when to stop or what to keep. */
function choiceOf({ dataset, ...how }: z.output<typeof trainRequest>['heldOut'] & object): object {
  return { ...how, dataset: dataset.sha256 }
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

/** Runs a training and writes its record when it is finished. */
export function startTraining(
  plan: TrainPlan,
  place: TrainPlace,
  { signal }: CallOptions,
): TrainRun<Adapter | ControlNet | Base> {
  const { job } = plan
  const folder = job.output
  const run = new JobRun<TrainResult, FinishedTraining>({
    signal,
    prepare: () => makeFolder(folder),
    submit: () => place.submit(plan),
    finish: async (result) => {
      const record = await recordOf(plan, result, place.environment())
      const path = join(folder, record.result.path)
      const trained = await openResult(result, path, place)
      await writeRunRecord(folder, record)
      return { record, trained }
    },
  })
  return trainRunOf({ name: job.name, folder }, run)
}

/** Opens what was trained, and refuses it when it is not what the training wrote. */
async function openResult(
  { kind, sha256 }: TrainResult,
  path: string,
  { openBase }: TrainPlace,
): Promise<Adapter | ControlNet | Base> {
  // The identity of a ControlNet is over its numbers, which only the worker reads; there it was compared.
  if (kind === 'control-net') return openControlNet(path)
  const trained = kind === 'base' ? await openBase(path) : await openAdapter(path)
  const found = 'description' in trained ? trained.description.sha256 : trained.sha256
  if (found !== sha256) {
    throw new ArtefactError({
      code: 'changed-file',
      message: `${path} is not what the training wrote there: its SHA-256 is ${found}, not ${sha256}. Put the file back, or train into a new folder.`,
      facts: { path, found, expected: sha256 },
    })
  }
  return trained
}

async function recordOf(plan: TrainPlan, trained: TrainResult, own: LabEnvironment): Promise<RunRecord> {
  const { job, base, subsets, engine: foreign, config } = plan
  const { type: _type, path, series, ...result } = trained
  const on =
    foreign === null ? { ...own, revision: '' } : { ...(await readProvenance(job.output)), requirementsSha256: null }
  return {
    format: 'phalanx-run',
    version: 1,
    name: job.name,
    config,
    settings: job.settings,
    base: { name: base.name, sha256: base.description.sha256 },
    subsets: subsets.map(({ dataset, ...how }) => ({
      ...how,
      dataset: { sha256: dataset.sha256, images: dataset.items.length },
    })),
    engine: foreign === null ? 'phalanx' : `kohya@${on.revision}`,
    versions: { ...on.versions },
    device: on.device,
    requirementsSha256: on.requirementsSha256,
    result: { ...result, path: within(job.output, path), series: within(job.output, series) },
  }
}

/** Relative to the run folder, also when the folder was moved since the worker wrote the path down. */
function within(folder: string, path: string): string {
  const inside = isAbsolute(path) ? relative(folder, path) : path
  return inside.startsWith('..') ? basename(path) : inside
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'folder-unusable',
      message: `${folder} cannot be made. Make its parent writable, or name another folder.`,
      facts: { folder },
      cause,
    })
  })
}
