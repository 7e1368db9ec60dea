import type { DreamBoothInput } from '../config/dream-booth.ts'
import type { IdleSetting } from '../config/idle-settings.ts'
import type { PublishedName } from '../config/published.ts'
import type { TechniqueInput } from '../config/technique.ts'
import type { TrainingSettings } from '../config/training.ts'
import type { Dataset } from '../dataset/index.ts'
import type { ResultOf } from '../protocol/results.ts'
import type { MeasurementPlan } from './best.ts'
import type { Base, LabRun } from './lab.ts'
import type { TrainRequest } from './training.ts'

/** What {@link Lab.explain} takes: a training that need not have its files yet. */
export type ExplainRequest = Omit<TrainRequest<TechniqueInput>, 'base' | 'dataset' | 'engine' | 'name' | 'folder'> &
  // With any of these it is a DreamBooth.
  DreamBoothInput & {
    /** A base, or the name of a published one, of which nothing is fetched: its layout is known. */
    readonly base: Base | PublishedName
    /** Tells how often each image is seen, and lets steps be measured. */
    readonly dataset?: Dataset | undefined
    /**
     * Whether a few steps are taken on the first images, to see what they cost. By default where that is cheap: with
     * images, a base on disk, and a GPU or a small UNet.
     */
    readonly measure?: boolean | undefined
  }

/** How many class images a DreamBooth has. */
export interface ClassImageCount {
  readonly images: number
  /** Of them, those that the lab has not drawn yet. */
  readonly missing: number
}

/** What a training would be. */
export interface Explanation extends Omit<ResultOf<'explain'>, 'type'> {
  /** The base's name. */
  readonly base: string
  /** With all defaults. */
  readonly settings: TrainingSettings
  /** Images per optimizer step. */
  readonly imagesPerStep: number
  /** Class images of a DreamBooth, and how many of them would be drawn first; null without any. */
  readonly classImages: ClassImageCount | null
  /** How often all images are seen, with their repeats; null without any. */
  readonly epochs: number | null
  /** What chooses the weights of the result, and when; null for the last ones. */
  readonly best: MeasurementPlan | null
  /** Settings that were written and change nothing. */
  readonly idle: readonly IdleSetting[]
  /** What else a person should know, in sentences. */
  readonly remarks: readonly string[]
}

export type ExplainRun = LabRun<Explanation>
