import type { z } from 'zod'
import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import type { BaseArchitectureInput, Family } from '../config/architecture.ts'
import type { classifierSettings } from '../config/classifier.ts'
import type { ExtractorInput } from '../config/extractor.ts'
import type {
  adapterReference,
  controlReference,
  initialImage,
  SampleRequest,
  sampleRequest,
  samplingSettings,
} from '../config/sampling.ts'
import type { TechniqueInput } from '../config/technique.ts'
import type { Dataset, DatasetOptions } from '../dataset/index.ts'
import type { BaseDescription, Judgement, ResultOf } from '../protocol/results.ts'
import type { RunEvent, WorkerIdentity } from '../worker/index.ts'
import type { ClassImagesRequest } from './class-images.ts'
import type { DreamBoothRequest } from './dream-booth.ts'
import type { ExplainRequest, ExplainRun } from './explanation.ts'
import type { ExtractRequest, ExtractRun } from './extract.ts'
import type { Extractor } from './extractor.ts'
import type { FeaturesRequest, FeaturesRun } from './features.ts'
import type { RepairRequest, RepairRun } from './repair.ts'
import type { SampledImage } from './sampled-image.ts'
import type { BucketCount, Trained, TrainRequest, TrainRun } from './training.ts'

/** A pretrained text-to-image model in the diffusers layout. */
export interface Base {
  readonly type: 'base'
  /** As it was asked for. */
  readonly name: string
  /** Path of its folder, or of its checkpoint file. */
  readonly folder: string
  readonly description: BaseDescription
}

/** What {@link Lab.sample} takes: prompts with seeds (every prompt with every seed, prompt by prompt) or requests. */
export type SampleOptions = z.input<typeof samplingSettings> & {
  readonly base: Base
  readonly adapters?: readonly (Adapter | z.input<typeof adapterReference> | string)[] | undefined
  /**
   * ControlNets that act on all drawings, each with the picture it reads (scaled to cover, cropped at the centre), save
   * for requests that name pictures of their own.
   */
  readonly controls?:
    | readonly (z.input<typeof controlReference> & { readonly picture?: string | undefined })[]
    | undefined
  /** What all drawings start from, but those whose request has an image of its own; from noise alone by default. */
  readonly image?: z.input<typeof initialImage> | null | undefined
  /** Write how an image was drawn into its PNG, for A1111 and as JSON; true by default. */
  readonly recipe?: boolean | undefined
} & (
    | {
        readonly prompts: readonly string[]
        readonly seeds: readonly number[]
        readonly negativePrompt?: string | undefined
      }
    | { readonly requests: readonly z.input<typeof sampleRequest>[] }
  )

export interface ClassifyOptions {
  /** The classifier's `.safetensors` file; the one that comes with the package by default. */
  readonly classifier?: string | undefined
  /** Paths of image files. */
  readonly images: readonly string[]
  /** 64 by default. */
  readonly batchSize?: number | undefined
}

export type TrainClassifierOptions = z.input<typeof classifierSettings> & {
  /** Images with labels: `fingers`, `defect` or both. */
  readonly dataset: Dataset
  /** The `.safetensors` file that appears. */
  readonly file: string
}

export interface CreateBaseOptions {
  readonly architecture?: BaseArchitectureInput | undefined
  /** Texts whose words make up the vocabulary. */
  readonly captions: readonly string[]
  /** 0 by default. */
  readonly seed?: number | undefined
  /** The folder that appears. */
  readonly folder: string
  /** Numeric type of the weights in the files; `float32` by default. */
  readonly weights?: 'float32' | 'float16' | 'bfloat16' | undefined
}

export interface CallOptions {
  /** Aborting stops the job at its next boundary, a training with a checkpoint. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The live handle of a job: awaitable (its result) and an async iterable of events. Leaving the loop early detaches
 * and does not cancel. Rejects with the LabError of what failed; JobError `job-cancelled` when it was stopped.
 */
export interface LabRun<Result, Event = RunEvent> extends PromiseLike<Result>, AsyncIterable<Event> {
  readonly result: Promise<Result>
  /** Asks the job to stop at its next boundary, a training with a checkpoint; again insists, a third time kills. */
  cancel(reason?: unknown): void
}

/** An event of a sampling; an image is ready as soon as it is drawn. */
export type SampleEvent =
  | Exclude<RunEvent, { type: 'image-end' }>
  | { readonly type: 'image-end'; readonly index: number; readonly image: SampledImage }

/** All images in the order of the requests, with what they cost. */
export interface Samples extends ReadonlyArray<SampledImage> {
  readonly seconds: number
  readonly peakMemoryBytes: number
  /** Per image: tokens of its prompt and negative prompt beyond `text.maxTokens`, which had no effect. */
  readonly truncatedTokens: readonly number[]
}
export type SampleRun = LabRun<Samples, SampleEvent> & { readonly requests: readonly SampleRequest[] }
export type ClassifyRun = LabRun<readonly Judgement[]>
export type TrainClassifierRun = LabRun<ResultOf<'train-classifier'>>

/** What the results of a lab depend on beside its inputs. */
export interface LabEnvironment {
  /** Null for a worker that was attached to. */
  readonly python: string | null
  /** SHA-256 of the requirements that were installed; null for an interpreter that was named. */
  readonly requirementsSha256: string | null
  readonly device: string
  /** Versions by package name, Python's own included, as the worker reports them. */
  readonly versions: Readonly<Record<string, string>>
}

/** An open session with its workers and its folder. Settings that cannot be used are thrown by the call itself. */
export interface Lab extends AsyncDisposable {
  /** Absolute path. */
  readonly folder: string
  readonly environment: LabEnvironment
  readonly workers: readonly WorkerIdentity[]
  /**
   * A base by name (`tiny-hands`, `sd-1.5`, `sd-2.1`, `sdxl-1.0`), by hub id (`owner/name@revision`; fetched on first
   * use with resume and checksums, from the cache without a network), by path of its folder in the diffusers layout,
   * or by path of a single-file checkpoint in the LDM layout, of Stable Diffusion 1, 2 or XL. Beside a checkpoint must
   * lie the folder `tokenizer` of any Stable Diffusion, since no checkpoint has the vocabulary;
   * `scheduler/scheduler_config.json` beside it says what an SD 2 predicts when the file does not. Throws ConfigError (`unknown-base`,
   * `unsupported-base`) or what fetching (`hub-not-found`, `hub-refused`, `hub-unreachable`, `hub-checksum`) and reading
   * it throws (ArtefactError).
   */
  base(name: string, options?: CallOptions): Promise<Base>
  /** An adapter file. Throws ArtefactError for what is not a whole, harmless safetensors file of a known kind. */
  adapter(file: string): Promise<Adapter>
  /**
   * The family of bases that an adapter file is made for, by its names, shapes and metadata; null when none of these
   * tells. Rejects with ArtefactError for what is no adapter.
   */
  adapterFamily(file: string, options?: CallOptions): Promise<Family | null>
  /**
   * A ControlNet: `tiny-hands-depth`, which comes with the package, a folder in the layout of diffusers, or a file. Throws
   * ArtefactError.
   */
  controlNet(path: string): Promise<ControlNet>
  /**
   * A folder of images, frozen and hashed. Throws DatasetError with all problems of the folder, ConfigError for
   * options.
   */
  dataset(folder: string, options?: DatasetOptions): Promise<Dataset>
  /**
   * The sizes that a training would bring its images to, with how many each has. Nothing is trained. Throws what
   * {@link Lab.train} throws at once.
   */
  buckets(request: TrainRequest): BucketCount[]
  /** Trains a technique. Throws ConfigError at once; goes on where an equal training in the same folder stopped. */
  train<Technique extends TechniqueInput>(
    request: TrainRequest<Technique>,
    options?: CallOptions,
  ): TrainRun<Trained<Technique>>
  /**
   * Says what a training would be before it runs: the layers it would change, its parameters and rates, the size of
   * its result, settings that would have no effect. Nothing is written. Throws ConfigError at once; rejects with what
   * the training itself would be refused for.
   */
  explain(request: ExplainRequest, options?: CallOptions): ExplainRun
  /**
   * Images of a class, drawn from a base, for prior preservation: a dataset for a subset with `regularisation`. They are
   * kept in the lab's folder under base, prompts, sampling and seed; only those that are missing are drawn. Throws
   * ConfigError at once; rejects with ArtefactError (`changed-class-image`).
   */
  classImages(request: ClassImagesRequest, options?: CallOptions): LabRun<Dataset>
  /**
   * DreamBooth (Ruiz et al., 2023): draws the class images that are missing, then trains full weights or low-rank changes
   * on pictures and class images, with `priorWeight` for these: as many of each are seen. Its loss is the mean over the
   * samples of a step. Cancelled, it goes on where it was, also among the class images. Throws ConfigError at once;
   * rejects with DatasetError (`too-few-class-images`) and what training rejects with.
   */
  dreamBooth<Technique extends TechniqueInput>(
    request: DreamBoothRequest<Technique>,
    options?: CallOptions,
  ): TrainRun<Trained<Technique>>
  /**
   * Writes what two bases of one family differ in as a LoRA in kohya's layout: of each linear and convolutional layer
   * the nearest change of a rank, or of the ranks that fit best into a number of bytes; alpha is the rank. What no such
   * file can hold (biases, norms, embeddings, the autoencoder) is left out and told. Throws ConfigError at once.
   */
  extract(request: ExtractRequest, options?: CallOptions): ExtractRun
  /** Draws images. Throws ConfigError at once. */
  sample(request: SampleOptions, options?: CallOptions): SampleRun
  /**
   * Repairs a detail of pictures, hands by default: finds it, judges it, and where it is wrong repaints it after a
   * template, judges again, and keeps what is better. Nothing outside of what was repainted changes. What fails on one
   * picture is told in its record. Throws ConfigError at once; rejects with what drawing and judging reject with.
   */
  repair(request: RepairRequest, options?: CallOptions): RepairRun
  /** Judges images with a finger classifier, in their order. Throws ConfigError at once. */
  classify(request: ClassifyOptions, options?: CallOptions): ClassifyRun
  /**
   * Opens what turns images into features: `inception({ weights })`, `clip({ model })`, `dinov2({ model })`, by file, folder
   * or hub id, or `{ type: 'finger-classifier' }`, which comes with the package. The text encoder of a base gives no
   * features of images, so that tiny-hands has none of texts. Throws ConfigError (`unknown-model`), or what fetching and
   * hashing throws (ArtefactError: `missing-file`, `other-weights`, `not-an-extractor`, `pickled-file`).
   */
  extractor(input: ExtractorInput, options?: CallOptions): Promise<Extractor>
  /**
   * Features of images, or with a CLIP of texts, in their order. Throws ConfigError at once; rejects with DatasetError for
   * images that cannot be read, ConfigError (`text-too-long`), ArtefactError for weights that are no such extractor.
   */
  features(request: FeaturesRequest, options?: CallOptions): FeaturesRun
  /** Trains the finger classifier. Throws ConfigError at once. */
  trainClassifier(request: TrainClassifierOptions, options?: CallOptions): TrainClassifierRun
  /** Makes a base with random weights. Throws ConfigError at once. */
  createBase(request: CreateBaseOptions, options?: CallOptions): LabRun<Base>
  /** Ends the workers it started, with everything they run, and gives the folder back. */
  close(): Promise<void>
}
