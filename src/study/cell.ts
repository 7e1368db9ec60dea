import type { z } from 'zod'
import type { BestOfStudy } from '../config/best.ts'
import type { DreamBoothSettings } from '../config/dream-booth.ts'
import type { ExtractorSettings } from '../config/extractor.ts'
import type { ArmRepair } from '../config/hands-detail.ts'
import type { adapterReference, samplingSettings } from '../config/sampling.ts'
import type { SubsetSettings } from '../config/subset.ts'
import type { trainingSettings } from '../config/training.ts'

/** Everything that the result of a cell depends on. */
export interface CellIdentity {
  readonly kind: string
  /** SHA-256 of the worker's code of the step. */
  readonly code: string
  readonly environment: Readonly<Record<string, string>>
  readonly input: unknown
}

/** A unit of work whose key says everything that its result depends on. */
interface CellOf<Kind extends string, Input> {
  readonly kind: Kind
  /** `<kind>-<hex>`: content key, and name of the folder that holds the result. */
  readonly key: string
  /** What it is, for a person. */
  readonly label: string
  /** Arms that use it. */
  readonly arms: readonly string[]
  /** Keys of cells whose results it needs. */
  readonly needs: readonly string[]
  /** Weights that must be loaded to do it; cells of one model are run one after another. */
  readonly model: string
  /** What the key is a hash of: what differs between two keys differs here. */
  readonly identity: CellIdentity
  /** Size of the work in units of its kind: images seen in training, denoising evaluations, images judged, embedded or repaired. */
  readonly work: number
  readonly input: Input
}

/** An adapter: the result of a training cell, or somebody's file. */
export type CellAdapter = { readonly cell: string; readonly strength: number } | z.output<typeof adapterReference>

export type TrainCell = CellOf<
  'train',
  {
    readonly base: string
    /** Datasets by name. */
    readonly subsets: readonly (SubsetSettings & { readonly dataset: string })[]
    readonly settings: z.output<typeof trainingSettings>
    readonly best: BestOfStudy | null
    readonly dreamBooth: DreamBoothSettings | null
  }
>
export type SampleCell = CellOf<
  'sample',
  {
    readonly base: string
    readonly adapters: readonly CellAdapter[]
    readonly prompt: string
    readonly negativePrompt: string
    readonly seeds: readonly number[]
    readonly sampling: z.output<typeof samplingSettings>
  }
>
/** Repairs the images of a sample cell. */
export type RepairCell = CellOf<
  'repair',
  {
    readonly base: string
    /** Key of the sample cell. */
    readonly of: string
    readonly prompt: string
    readonly settings: ArmRepair
  }
>
/** The images of a sample or repair cell, or chosen items of a dataset. */
export type CellImages = { readonly cell: string } | { readonly dataset: string; readonly items: readonly number[] }
/** Judges images. */
export type ScoreCell = CellOf<'score', { readonly images: CellImages }>
/** Extracts the features of images or texts. */
export type EmbedCell = CellOf<
  'embed',
  {
    readonly extractor: ExtractorSettings
    readonly of: { readonly images: CellImages } | { readonly texts: readonly string[] }
  }
>
export type Cell = TrainCell | SampleCell | RepairCell | ScoreCell | EmbedCell
