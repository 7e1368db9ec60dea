import { join } from 'node:path'
import type { z } from 'zod'
import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import { labFolders } from '../artefact/run-folder.ts'
import { type DreamBoothSettings, dreamBoothSettings, idleDreamBooth } from '../config/class-images.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import type { TechniqueInput } from '../config/technique.ts'
import { type Dataset, type DatasetOptions, withCaption } from '../dataset/index.ts'
import { ConfigError, DatasetError } from '../errors/index.ts'
import { type Chain, ChainedRun } from './chained-run.ts'
import { type ClassImages, type ClassImagesRequest, planClassImages } from './class-images.ts'
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
> & { readonly dataset: Dataset } & z.input<typeof dreamBoothSettings>

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
  const names = Object.keys(dreamBoothSettings.shape)
  const own = Object.fromEntries(Object.entries(input).filter(([name]) => names.includes(name)))
  const { dataset, ...rest } = Object.fromEntries(Object.entries(input).filter(([name]) => !names.includes(name)))
  const settings = resolve(dreamBoothSettings, own, 'DreamBooth')
  const [idle] = idleDreamBooth(settings)
  if (idle !== undefined) {
    throw new ConfigError({
      code: 'setting-without-effect',
      message: `${idle.setting} has no effect: ${idle.reason}. Leave it out.`,
      facts: { setting: idle.setting },
    })
  }
  // Everything else is checked by the training itself, with the pictures standing in for class images.
  const subsets = subsetsOf(settings, dataset as Dataset, dataset as Dataset)
  const checked = planTraining({ ...rest, subsets } as unknown as TrainRequest, labFolder)
  const { technique } = checked.job.settings
  if (!trained.includes(technique.type)) {
    throw new ConfigError({
      code: 'not-for-dreambooth',
      message: `DreamBooth changes the base's own weights or lays low-rank changes over them, which ${technique.type} does not. Take one of ${trained.join(', ')}.`,
      facts: { technique: technique.type, techniques: trained },
    })
  }
  const { base, folder, name: given } = rest as unknown as TrainRequest
  const name = given ?? `dreambooth-${contentId({ settings, training: checked.config }).slice(0, 12)}`
  const training = { ...rest, name } as unknown as DreamBoothPlan['training']
  const place = folder ?? join(labFolder, labFolders.runs, name)
  return { settings, training, dataset: dataset as Dataset, drawn: drawnOf(settings, base), folder: place }
}

const trained = ['full', 'lora', 'loha', 'lokr']

function drawnOf({ classPrompt, classFolder, classImages, classSampling }: DreamBoothSettings, base: Base) {
  if (classPrompt === null || classFolder !== null) return null
  const images = classImages === null ? {} : { images: classImages }
  return planClassImages({ ...classSampling, ...images, prompt: classPrompt, base } satisfies ClassImagesRequest)
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
  const classes = drawn === null ? await given(settings, place) : await place.classImages.get(drawn, chain)
  const planned = planTraining({ ...training, subsets: subsetsOf(settings, own, classes) }, place.folder)
  const run = chain.follow(() => startTraining(planned, place, {}))
  for await (const event of run) chain.emit(event)
  return { record: await run.record, trained: await run.result }
}

function subsetsOf({ classPrompt, priorWeight }: DreamBoothSettings, own: Dataset, classes: Dataset | null) {
  const subsets: TrainSubset[] = [{ dataset: own }]
  if (classPrompt === null || classes === null) return subsets
  return [...subsets, { dataset: classes, regularisation: true, weight: priorWeight ?? 1 }]
}

async function given(
  { classPrompt, classFolder, classImages }: DreamBoothSettings,
  { dataset }: DreamBoothPlace,
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
