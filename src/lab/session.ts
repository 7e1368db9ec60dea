import { resolve as absolute, join } from 'node:path'
import { openAdapter } from '../artefact/adapter.ts'
import { openControlNet } from '../artefact/control-net.ts'
import { labFolders } from '../artefact/run-folder.ts'
import type { Family } from '../config/architecture.ts'
import type { ExtractorInput } from '../config/extractor.ts'
import type { TechniqueInput } from '../config/technique.ts'
import type { WorkerSettings } from '../config/worker.ts'
import { type Dataset, type DatasetOptions, ImageInspector, openDataset } from '../dataset/index.ts'
import { KohyaTrainings } from '../kohya/index.ts'
import type { TrainResult } from '../protocol/results.ts'
import type { FileLock } from '../util/file-lock.ts'
import type { RunStream, Worker, WorkerIdentity } from '../worker/index.ts'
import { baseFolder } from './base.ts'
import { ChainedRun } from './chained-run.ts'
import { ClassImages, type ClassImagesRequest, planClassImages } from './class-images.ts'
import {
  countClassImages,
  type DreamBoothPlace,
  type DreamBoothRequest,
  planDreamBooth,
  startDreamBooth,
} from './dream-booth.ts'
import { explanationOf, planExplanation } from './explain.ts'
import type { ExplainRequest, ExplainRun } from './explanation.ts'
import { type ExtractRequest, type ExtractRun, extractJobOf, openExtracted } from './extract.ts'
import { type Extractor, openExtractor } from './extractor.ts'
import { type FeaturesRequest, type FeaturesRun, startFeatures } from './features.ts'
import { JobRun } from './job-run.ts'
import { classifyJobOf, createBaseJobOf, trainClassifierJobOf } from './jobs.ts'
import type * as api from './lab.ts'
import type { OpenLabOptions } from './open-options.ts'
import { planSampling, startSampling } from './sample.ts'
import { startTraining } from './start-training.ts'
import { planTraining, type TrainPlan } from './train.ts'
import type * as training from './training.ts'
import { bucketCounts } from './training-sizes.ts'
import { WorkerPool } from './worker-pool.ts'

/** What the worker's environment is made of; an attached worker does not say. */
export type Installed = Pick<api.LabEnvironment, 'python' | 'requirementsSha256'>

/** What a lab is made of when it opens. */
export interface SessionParts {
  readonly folder: string
  readonly lock: FileLock
  readonly workers: readonly Worker[]
  readonly installed: Installed
  readonly settings: WorkerSettings
  readonly onProgress: OpenLabOptions['onProgress']
}

export class LabSession implements api.Lab {
  readonly folder: string
  readonly #lock: FileLock
  readonly #pool: WorkerPool
  readonly #installed: Installed
  readonly #onProgress: OpenLabOptions['onProgress']
  readonly #inspector = new ImageInspector()
  readonly #kohya: KohyaTrainings
  readonly #classImages: ClassImages
  readonly #trainPlace: DreamBoothPlace

  constructor({ folder, lock, workers, installed, settings, onProgress }: SessionParts) {
    this.folder = folder
    this.#lock = lock
    this.#pool = new WorkerPool(workers)
    this.#installed = installed
    this.#onProgress = onProgress
    this.#kohya = new KohyaTrainings(settings)
    const dataset = this.dataset.bind(this)
    this.#classImages = new ClassImages({ folder, dataset, sample: (request) => this.sample(request) })
    this.#trainPlace = {
      folder,
      dataset,
      classImages: this.#classImages,
      submit: (plan) => this.#submitTraining(plan),
      environment: () => this.environment,
      openBase: (path) => this.base(path),
      sample: (request) => this.sample(request),
      classify: (options) => this.classify(options),
    }
  }

  get workers(): readonly WorkerIdentity[] {
    return this.#pool.workers.map(({ identity }) => identity)
  }

  get environment(): api.LabEnvironment {
    const { device, versions } = (this.#pool.workers[0] as Worker).identity
    return { ...this.#installed, device, versions }
  }

  async base(name: string, { signal }: api.CallOptions = {}): Promise<api.Base> {
    const folder = await baseFolder(name, { signal, onProgress: this.#onProgress })
    const run = new JobRun({
      signal,
      submit: () => this.#pool.submit({ type: 'inspect-base', base: folder }),
      finish: (description): api.Base =>
        Object.freeze({ type: 'base', name, folder, description: Object.freeze(description) }),
    })
    return run.result
  }

  adapter(file: string): ReturnType<typeof openAdapter> {
    return openAdapter(file)
  }

  adapterFamily(file: string, { signal }: api.CallOptions = {}): Promise<Family | null> {
    const run = new JobRun({
      signal,
      submit: () => this.#pool.submit({ type: 'inspect-adapter', file: absolute(file) }),
      finish: ({ family }) => family,
    })
    return run.result
  }

  controlNet(path: string): ReturnType<typeof openControlNet> {
    return openControlNet(path)
  }

  dataset(folder: string, options: DatasetOptions = {}): Promise<Dataset> {
    return openDataset(folder, { folder: join(this.folder, labFolders.datasets), inspector: this.#inspector }, options)
  }

  buckets(request: training.TrainRequest): training.BucketCount[] {
    return bucketCounts(planTraining(request, this.folder))
  }

  train<Technique extends TechniqueInput>(
    request: training.TrainRequest<Technique>,
    options: api.CallOptions = {},
  ): training.TrainRun<training.Trained<Technique>> {
    const plan = planTraining(request, this.folder)
    // The technique's type decides what comes out, which the worker's answer cannot tell the compiler.
    return startTraining(plan, this.#trainPlace, options) as training.TrainRun<training.Trained<Technique>>
  }

  classImages(request: ClassImagesRequest, { signal }: api.CallOptions = {}): api.LabRun<Dataset> {
    const plan = planClassImages(request)
    return new ChainedRun((chain) => this.#classImages.get(plan, chain), signal)
  }

  dreamBooth<Technique extends TechniqueInput>(
    request: DreamBoothRequest<Technique>,
    options: api.CallOptions = {},
  ): training.TrainRun<training.Trained<Technique>> {
    const plan = planDreamBooth(request, this.folder)
    return startDreamBooth(plan, this.#trainPlace, options) as training.TrainRun<training.Trained<Technique>>
  }

  explain(request: ExplainRequest, { signal }: api.CallOptions = {}): ExplainRun {
    const plan = planExplanation(request, this.environment.device)
    return new JobRun({
      signal,
      submit: () => this.#pool.submit(plan.job),
      finish: async (result) =>
        explanationOf(plan, result, await countClassImages(plan.dreamBooth, plan.base, this.#trainPlace)),
    })
  }

  extract(request: ExtractRequest, { signal }: api.CallOptions = {}): ExtractRun {
    const job = extractJobOf(request)
    return new JobRun({ signal, submit: () => this.#pool.submit(job), finish: openExtracted })
  }

  sample(request: api.SampleOptions, options: api.CallOptions = {}): api.SampleRun {
    return startSampling(planSampling(request), (job) => this.#pool.submit(job), options)
  }

  classify(request: api.ClassifyOptions, { signal }: api.CallOptions = {}): api.ClassifyRun {
    const job = classifyJobOf(request)
    return new JobRun({ signal, submit: () => this.#pool.submit(job), finish: ({ judgements }) => judgements })
  }

  extractor(input: ExtractorInput, { signal }: api.CallOptions = {}): Promise<Extractor> {
    return openExtractor(input, { signal, onProgress: this.#onProgress })
  }

  features(request: FeaturesRequest, options: api.CallOptions = {}): FeaturesRun {
    return startFeatures(request, { folder: this.folder, submit: (job) => this.#pool.submit(job) }, options)
  }

  trainClassifier(request: api.TrainClassifierOptions, { signal }: api.CallOptions = {}): api.TrainClassifierRun {
    const job = trainClassifierJobOf(request)
    return new JobRun({ signal, submit: () => this.#pool.submit(job), finish: (result) => result })
  }

  createBase(request: api.CreateBaseOptions, { signal }: api.CallOptions = {}): api.LabRun<api.Base> {
    const job = createBaseJobOf(request)
    return new JobRun({ signal, submit: () => this.#pool.submit(job), finish: ({ folder }) => this.base(folder) })
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#kohya.close()])
    await this.#lock.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #submitTraining({ job, subsets, base, engine, config }: TrainPlan): RunStream<TrainResult> {
    if (engine === null) return this.#pool.submit(job)
    const items = subsets.map(({ dataset }) => dataset.items)
    return this.#kohya.submit({ job, items, base: base.description, engine, config })
  }
}
