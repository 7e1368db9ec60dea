import { join } from 'node:path'
import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import { labFolders } from '../artefact/run-folder.ts'
import { classImageSettings } from '../config/class-images.ts'
import {
  checkDreamBooth,
  type DreamBoothInput,
  type DreamBoothSettings,
  dreamBoothSettings,
  refuseIdleDreamBooth,
  splitDreamBooth,
} from '../config/dream-booth.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import type { TechniqueInput } from '../config/technique.ts'
import { type Dataset, type DatasetOptions, withCaption } from '../dataset/index.ts'
import { DatasetError } from '../errors/index.ts'
import { type Chain, ChainedRun } from './chained-run.ts'
import { type ClassImages, type ClassImagesRequest, planClassImages } from './class-images.ts'
import type { ClassImageCount } from './explanation.ts'
import { type FinishedTraining, trainRunOf } from './finished-training.ts'
import type { Base, CallOptions } from './lab.ts'
import { startTraining, type TrainPlace } from './start-training.ts'
import { planTraining } from './train.ts'
import type { TrainEvent, TrainRequest, TrainRun, TrainSubset } from './training.ts'

/**
 * What {@link Lab.dreamBooth} takes: a training of a dataset, which trains the base's own weights or a LoRA, with the
 * prompts and class images of {@link dreamBoothSettings}.
 */
export type DreamBoothRequest<Technique extends TechniqueInput = TechniqueInput> = Omit<
  TrainRequest<Technique>,
  'subsets' | 'dataset'
> & { readonly dataset: Dataset } & DreamBoothInput

/** What a DreamBooth needs of its lab. */
export interface DreamBoothPlace extends TrainPlace {
  readonly folder: string
  readonly classImages: ClassImages
  readonly dataset: (folder: string, options: DatasetOptions) => Promise<Dataset>
}

/** A DreamBooth before its class images are there. */
export interface DreamBoothPlan {
  readonly settings: DreamBoothSettings
  /** Everything but the data. */
  readonly training: Omit<TrainRequest, 'dataset' | 'subsets'> & { readonly name: string }
  readonly dataset: Dataset
  /** The class images to draw, if any. */
  readonly drawn: ReturnType<typeof planClassImages> | null
  readonly folder: string
}

/** Checks everything that can be checked before class images are there. Throws ConfigError. */
export function planDreamBooth(input: DreamBoothRequest, labFolder: string): DreamBoothPlan {
  const { dreamBooth, training: plain } = splitDreamBooth(input)
  const { dataset, ...rest } = plain
  const settings = resolve(dreamBoothSettings, dreamBooth ?? {}, 'DreamBooth')
  // Everything else is checked by the training itself, with the pictures standing in for class images.
  const subsets = dreamBoothSubsets(settings, dataset, dataset)
  const checked = planTraining({ ...rest, subsets }, labFolder)
  checkDreamBooth({ ...checked.job.settings, ...rest })
  refuseIdleDreamBooth(settings)
  const name = rest.name ?? `dreambooth-${contentId({ settings, training: checked.config }).slice(0, 12)}`
  const place = rest.folder ?? join(labFolder, labFolders.runs, name)
  return { settings, training: { ...rest, name }, dataset, drawn: drawnClassImages(settings, rest.base), folder: place }
}

/** The class images that are drawn for a DreamBooth, if any. */
export function drawnClassImages(
  { classPrompt, classFolder, classImages, classSampling }: DreamBoothSettings,
  base: Base,
) {
  if (classPrompt === null || classFolder !== null) return null
  const images = classImages === null ? {} : { images: classImages }
  return planClassImages({ ...classSampling, ...images, prompt: classPrompt, base } satisfies ClassImagesRequest)
}

/**
 * How many class images a DreamBooth has, and how many it would draw first; null when it has none. Rejects with what the
 * training would reject with for them.
 */
export async function countClassImages(
  settings: DreamBoothSettings | null,
  base: Base | string,
  place: Pick<DreamBoothPlace, 'dataset' | 'classImages'>,
): Promise<ClassImageCount | null> {
  if (settings === null || settings.classPrompt === null) return null
  const given = await givenClassImages(settings, place)
  if (given !== null) return { images: given.items.length, missing: 0 }
  // What was drawn from a base is known by its content, which a name does not tell.
  if (typeof base === 'string') {
    const images = classImageSettings.shape.images.parse(settings.classImages ?? undefined)
    return { images, missing: images }
  }
  const drawn = drawnClassImages(settings, base)
  return drawn === null ? null : { images: drawn.images, missing: await place.classImages.missing(drawn) }
}

/** Makes the class images that are missing, then trains. */
export function startDreamBooth(
  plan: DreamBoothPlan,
  place: DreamBoothPlace,
  { signal }: CallOptions,
): TrainRun<Adapter | ControlNet | Base> {
  const run = new ChainedRun<FinishedTraining, TrainEvent>((chain) => train(plan, place, chain), signal)
  return trainRunOf({ name: plan.training.name, folder: plan.folder }, run)
}

async function train(
  { settings, training, dataset, drawn }: DreamBoothPlan,
  place: DreamBoothPlace,
  chain: Chain<TrainEvent>,
): Promise<FinishedTraining> {
  const datasets = join(place.folder, labFolders.datasets)
  const { instancePrompt } = settings
  const own = instancePrompt === null ? dataset : await withCaption(dataset, instancePrompt, datasets)
  const classes = drawn === null ? await givenClassImages(settings, place) : await place.classImages.get(drawn, chain)
  const planned = planTraining({ ...training, subsets: dreamBoothSubsets(settings, own, classes) }, place.folder)
  const run = chain.follow(() => startTraining(planned, place, {}))
  for await (const event of run) chain.emit(event)
  return { record: await run.record, trained: await run.result }
}

/** Pictures and class images, as a training sees them. */
export function dreamBoothSubsets(
  { classPrompt, priorWeight }: DreamBoothSettings,
  own: Dataset,
  classes: Dataset | null,
) {
  const subsets: TrainSubset[] = [{ dataset: own }]
  if (classPrompt === null || classes === null) return subsets
  return [...subsets, { dataset: classes, regularisation: true, weight: priorWeight ?? 1 }]
}

/** The class images of a folder, if one is named. Throws DatasetError (`too-few-class-images`). */
export async function givenClassImages(
  { classPrompt, classFolder, classImages }: DreamBoothSettings,
  { dataset }: Pick<DreamBoothPlace, 'dataset'>,
): Promise<Dataset | null> {
  if (classPrompt === null || classFolder === null) return null
  const found = await dataset(classFolder, { caption: classPrompt, limit: classImages })
  if (classImages === null || found.items.length === classImages) return found
  throw new DatasetError({
    code: 'too-few-class-images',
    message: `${classFolder} has ${found.items.length} images, and ${classImages} class images are asked for. Add images, ask for fewer, or leave classFolder out so that they are drawn.`,
    facts: { folder: classFolder, found: found.items.length, asked: classImages },
  })
}
