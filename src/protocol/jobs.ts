import { z } from 'zod'
import { baseArchitecture } from '../config/architecture.ts'
import { patience } from '../config/best.ts'
import { classifierSettings } from '../config/classifier.ts'
import { lowRankSize, storedType } from '../config/low-rank-size.ts'
import { publishedNames } from '../config/published.ts'
import { adapterReference, controlReference, prompt, sampleRequest, samplingSettings } from '../config/sampling.ts'
import { subsetSettings } from '../config/subset.ts'
import { trainingSettings } from '../config/training.ts'

/** A dataset by path: `manifest` has one JSON object per line, whose `file` is relative to `root`. */
export const datasetReference = z
  .strictObject({
    root: z.string(),
    /** JSON lines of {@link datasetItem}. */
    manifest: z.string(),
    /** SHA-256 of the manifest file. */
    sha256: z.string().length(64),
  })
  .meta({ id: 'DatasetReference' })
export type DatasetReference = z.output<typeof datasetReference>

/** A picture that belongs to an image of a dataset. */
export const itemPicture = z
  .strictObject({ file: z.string(), sha256: z.string().length(64) })
  .meta({ id: 'ItemPicture' })
export type ItemPicture = z.output<typeof itemPicture>

/** One image of a dataset, a line of its manifest. Label fields are null when unknown. */
export const datasetItem = z
  .strictObject({
    file: z.string(),
    sha256: z.string().length(64),
    caption: z.string(),
    /** Pixels of the image as it lies there. */
    width: z.int().min(1),
    height: z.int().min(1),
    /** Number of extended fingers on the hand. */
    fingers: z.int().min(0).max(10).nullable(),
    /** Whether the anatomy is wrong. */
    defect: z.boolean().nullable(),
    /** The picture that controls the image, for the training of a ControlNet. */
    control: itemPicture.nullable(),
    /** White where the image is trained on with a masked loss; the image's own file stands for its alpha channel. */
    mask: itemPicture.nullable(),
    /** How often it is trained on in an epoch, times the repeats of its subset. */
    repeats: z.int().min(1).max(100_000),
  })
  .meta({ id: 'DatasetItem' })
export type DatasetItem = z.output<typeof datasetItem>

/** Reads a base and describes it. */
export const inspectBaseJob = z
  .strictObject({ type: z.literal('inspect-base'), base: z.string() })
  .meta({ id: 'InspectBaseJob' })

/** Reads an adapter file and says what it is made for. */
export const inspectAdapterJob = z
  .strictObject({ type: z.literal('inspect-adapter'), file: z.string() })
  .meta({ id: 'InspectAdapterJob' })

/** Makes a base with random weights and a vocabulary learned from captions. */
export const createBaseJob = z
  .strictObject({
    type: z.literal('create-base'),
    architecture: baseArchitecture,
    captions: z.array(prompt),
    seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
    /** Folder that appears when the base is whole. */
    output: z.string(),
    /** Numeric type of the weights in the files. */
    weights: storedType,
  })
  .meta({ id: 'CreateBaseJob' })

/** Images that are never trained on, on which the loss is measured now and then. */
export const heldOutSettings = z
  .strictObject({
    dataset: datasetReference,
    /** Optimizer steps between measurements; the last step always gets one. */
    every: z.int().min(1).default(100),
    /** Make the result from the weights with the smallest loss; null makes it from the last ones. */
    best: z.strictObject({ patience }).meta({ id: 'BestByLoss' }).nullable().default(null),
  })
  .meta({ id: 'HeldOutSettings' })

/** One dataset that a training sees. */
export const trainingSubset = subsetSettings.extend({ dataset: datasetReference }).meta({ id: 'TrainingSubset' })
export type TrainingSubset = z.output<typeof trainingSubset>

/** The size that each image of a training is brought to. */
export const bucketPlan = z
  .strictObject({
    sizes: z.array(z.strictObject({ width: z.int().min(8), height: z.int().min(8) }).meta({ id: 'BucketSize' })).min(1),
    /** For each subset, then for the held-out images, the index of every image's size. */
    places: z.array(z.array(z.int().min(0))).min(1),
  })
  .meta({ id: 'BucketPlan' })

/** Trains a technique on a base; resumes from the newest whole checkpoint in `output`. */
export const trainJob = z
  .strictObject({
    type: z.literal('train'),
    base: z.string(),
    subsets: z.array(trainingSubset).min(1),
    settings: trainingSettings,
    /** Null brings all images to the size in the settings. */
    buckets: bucketPlan.nullable(),
    heldOut: heldOutSettings.nullable(),
    /**
     * End after this step with a checkpoint, and write the result of now into a folder of its own within `output`: the
     * same training goes on from there. Null takes all steps.
     */
    pauseAfter: z.int().min(1).nullable(),
    /** Run folder: checkpoints, loss series, previews and the result are written here. */
    output: z.string(),
    /** File-safe name of the result, also written into its metadata. */
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  })
  .meta({ id: 'TrainJob' })

/** A base on disk, or a published one by name, of which only the layout is used. */
export const explainedBase = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('stored'), path: z.string() }).meta({ id: 'StoredBase' }),
    z.strictObject({ type: z.literal('published'), name: z.enum(publishedNames) }).meta({ id: 'PublishedBase' }),
  ])
  .meta({ id: 'ExplainedBase' })

/** Says what a training would be: its result is not written, and the base stays as it is. */
export const explainJob = z
  .strictObject({
    type: z.literal('explain'),
    base: explainedBase,
    settings: trainingSettings,
    /** Images on which a few steps are taken, to see what they cost; none are when there are none. */
    measured: z.array(trainingSubset),
  })
  .meta({ id: 'ExplainJob' })

/** Writes what two bases of one family differ in as a low-rank file. */
export const extractJob = z
  .strictObject({
    type: z.literal('extract'),
    base: z.string(),
    /** The base that the file makes of the other one. */
    tuned: z.string(),
    size: lowRankSize,
    weights: storedType,
    /** File that appears when it is whole. */
    output: z.string(),
  })
  .meta({ id: 'ExtractJob' })

/** Draws images; each arrives as an `image-end` event with its pixels. */
export const sampleJob = z
  .strictObject({
    type: z.literal('sample'),
    base: z.string(),
    adapters: z.array(adapterReference),
    /** Each acts on all requests. */
    controls: z.array(controlReference),
    requests: z.array(sampleRequest).min(1),
    sampling: samplingSettings,
  })
  .meta({ id: 'SampleJob' })

/** Trains the finger classifier on labelled images. */
export const trainClassifierJob = z
  .strictObject({
    type: z.literal('train-classifier'),
    dataset: datasetReference,
    settings: classifierSettings,
    /** File that appears when the classifier is whole. */
    output: z.string(),
  })
  .meta({ id: 'TrainClassifierJob' })

/** Judges images with a finger classifier. */
export const classifyJob = z
  .strictObject({
    type: z.literal('classify'),
    /** The classifier's `.safetensors` file. */
    classifier: z.string(),
    files: z.array(z.string()).min(1),
    batchSize: z.int().min(1).max(1024),
  })
  .meta({ id: 'ClassifyJob' })

const sha256 = z.string().length(64)

/** What turns images into features, by the files that it is made of. */
export const storedExtractor = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('finger-classifier'), weights: z.string(), sha256 })
      .meta({ id: 'StoredClassifier' }),
    z
      .strictObject({
        type: z.literal('inception'),
        weights: z.string(),
        /** Of the file, which is refused when it has changed since. */
        sha256,
        resize: z.enum(['pillow-bicubic', 'tensorflow-bilinear']),
      })
      .meta({ id: 'StoredInception' }),
    z.strictObject({ type: z.literal('clip'), folder: z.string(), sha256 }).meta({ id: 'StoredClip' }),
    z.strictObject({ type: z.literal('dinov2'), folder: z.string(), sha256 }).meta({ id: 'StoredDinov2' }),
    z.strictObject({ type: z.literal('sharpness') }).meta({ id: 'SharpnessExtractor' }),
  ])
  .meta({ id: 'StoredExtractor' })
export type StoredExtractor = z.output<typeof storedExtractor>

/** Writes the features of images, or of texts, as a safetensors file with one matrix, `features`, of a row each. */
export const embedJob = z
  .strictObject({
    type: z.literal('embed'),
    extractor: storedExtractor,
    /** Either images or texts; the other is empty. */
    files: z.array(z.string()),
    /** Only of a CLIP. */
    texts: z.array(prompt),
    batchSize: z.int().min(1).max(1024),
    /** File that appears when it is whole. */
    output: z.string(),
  })
  .meta({ id: 'EmbedJob' })

export const job = z
  .discriminatedUnion('type', [
    inspectBaseJob,
    inspectAdapterJob,
    createBaseJob,
    trainJob,
    extractJob,
    explainJob,
    sampleJob,
    trainClassifierJob,
    classifyJob,
    embedJob,
  ])
  .meta({ id: 'Job' })
/** A unit of work for a worker, complete: the worker adds no default. */
export type Job = z.output<typeof job>
export type JobType = Job['type']
export type JobOf<Type extends JobType> = Extract<Job, { type: Type }>
