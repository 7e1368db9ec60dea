import { z } from 'zod'
import { families, predictions } from '../config/architecture.ts'

/** A file that a job wrote. */
export const writtenFile = z
  .strictObject({ path: z.string(), sha256: z.string().length(64), bytes: z.int().min(0) })
  .meta({ id: 'WrittenFile' })

export const baseDescription = z
  .strictObject({
    type: z.literal('inspect-base'),
    family: z.enum(families),
    /** Whether its UNet also takes a mask and masked latents, so that it fills in rather than draws anew. */
    inpainting: z.boolean(),
    prediction: z.enum(predictions),
    imageSize: z.int(),
    /** Pixels that the autoencoder makes one latent of. */
    reduction: z.int(),
    /** Pixels that all halvings of autoencoder and UNet divide: 64 in SD 1 and 2, 32 in SDXL. */
    sizeStep: z.int(),
    latentChannels: z.int(),
    /** Width of the text embeddings that the UNet attends to: of both encoders together in SDXL. */
    textWidth: z.int(),
    vocabularySize: z.int(),
    /** Parameters of each part; of both text encoders together. */
    unetParameters: z.int(),
    textEncoderParameters: z.int(),
    autoencoderParameters: z.int(),
    /** SHA-256 over the names and bytes of all tensors: the identity of the base. */
    sha256: z.string().length(64),
  })
  .meta({ id: 'BaseDescription' })
export type BaseDescription = z.output<typeof baseDescription>

export const adapterDescription = z
  .strictObject({
    type: z.literal('inspect-adapter'),
    /** The bases it is made for, by names, shapes and metadata; null when none of these tells. */
    family: z.enum(families).nullable(),
  })
  .meta({ id: 'AdapterDescription' })
export type AdapterDescription = z.output<typeof adapterDescription>

export const createBaseResult = z
  .strictObject({ type: z.literal('create-base'), folder: z.string(), bytes: z.int() })
  .meta({ id: 'CreateBaseResult' })

/** Layers of one kind that a training changes by factors of low rank. */
export const adaptedLayers = z
  .strictObject({
    part: z.enum(['unet', 'text-encoder']),
    /** As among the targets of a LoRA; `other` for layers that only a pattern names. */
    kind: z.enum(['attention', 'mlp', 'convolution', 'other']),
    layers: z.int(),
    parameters: z.int(),
    /** The ranks there are, ascending. */
    ranks: z.array(z.int()),
    /** The alphas there are, ascending. */
    alphas: z.array(z.number()),
    /** How many of them are convolutions of more than one pixel, which have a rank of their own. */
    wideConvolutions: z.int(),
    /** How many have a dimension smaller than their rank: more rank adds nothing there. */
    overfull: z.int(),
  })
  .meta({ id: 'AdaptedLayers' })
export type AdaptedLayers = z.output<typeof adaptedLayers>

/** Parameters that share a learning rate. */
export const trainedGroup = z
  .strictObject({
    /** Null where the optimizer makes its own. */
    learningRate: z.number().nullable(),
    tensors: z.int(),
    parameters: z.int(),
  })
  .meta({ id: 'TrainedGroup' })

/** Bytes of what lasts from step to step, as far as shapes tell; what is computed within a step comes on top. */
export const trainingMemory = z
  .strictObject({
    /** Of the base and of what is trained. */
    weights: z.int(),
    gradients: z.int(),
    optimizer: z.int(),
    /** Moving average. */
    average: z.int(),
  })
  .meta({ id: 'TrainingMemory' })

/** What a few steps took. */
export const stepCost = z
  .strictObject({
    /** Wall-clock seconds of a step, without the first one. */
    seconds: z.number(),
    /** Largest memory so far in bytes: of the worker's process on CPU, of torch's allocations on CUDA. */
    peakMemory: z.int(),
  })
  .meta({ id: 'StepCost' })

/** What a training would be. */
export const explainResult = z
  .strictObject({
    type: z.literal('explain'),
    family: z.enum(families),
    inpainting: z.boolean(),
    prediction: z.enum(predictions),
    /** Pixels of a training image. */
    width: z.int(),
    height: z.int(),
    /** Empty for techniques that have no factors of low rank. */
    layers: z.array(adaptedLayers),
    groups: z.array(trainedGroup),
    trainedParameters: z.int(),
    /** Of the base, with both text encoders and the autoencoder. */
    baseParameters: z.int(),
    /** Of the numbers in the result; names and metadata add some kilobytes. */
    resultBytes: z.int(),
    memory: trainingMemory,
    /** Null when no steps were taken. */
    stepCost: stepCost.nullable(),
  })
  .meta({ id: 'ExplainResult' })

/** How near a low-rank file comes to the difference it was made of. */
export const approximation = z
  .strictObject({
    /** Layers that differ, all of which are in the file. */
    layers: z.int(),
    smallestRank: z.int(),
    largestRank: z.int(),
    /** Layers with a side smaller than the rank that was asked for, which took that side as rank. */
    cutLayers: z.int(),
    /** Frobenius norm of what the file's numbers leave of the difference, over that of the difference. */
    relativeError: z.number(),
  })
  .meta({ id: 'Approximation' })
export type Approximation = z.output<typeof approximation>

/** Differences that no low-rank file can hold: biases, norms, embeddings, the autoencoder. */
export const leftOut = z
  .strictObject({
    tensors: z.int(),
    /** Of the sum of squares of all differences, 0 to 1. */
    share: z.number(),
  })
  .meta({ id: 'LeftOut' })
export type LeftOut = z.output<typeof leftOut>

export const extractResult = z
  .strictObject({ type: z.literal('extract'), file: writtenFile, approximation, leftOut })
  .meta({ id: 'ExtractResult' })

export const trainResult = z
  .strictObject({
    type: z.literal('train'),
    /** The adapter file, or the folder of a whole base. */
    path: z.string(),
    /** Of the adapter file's bytes, or the identity of the base. */
    sha256: z.string().length(64),
    bytes: z.int(),
    kind: z.enum(['lora', 'embedding', 'base', 'control-net']),
    /** Of full training whose result is a low-rank file; null for all else. */
    approximation: approximation.nullable(),
    steps: z.int(),
    /** Step from which this job went on; 0 when it started anew. */
    resumedFrom: z.int(),
    /** Mean loss of the last tenth of the steps that were taken. */
    finalLoss: z.number(),
    /** Step whose weights the result holds: the last one, or that with the smallest held-out loss or the best metric. */
    exportedStep: z.int(),
    /** Steps that were skipped because their gradients overflowed float16. */
    skippedSteps: z.int().default(0),
    /** Of the exported step, over the held-out images; null without any. */
    heldOutLoss: z.number().nullable(),
    /** Wall-clock seconds of all steps, those before a resume included. */
    seconds: z.number(),
    peakMemoryBytes: z.int(),
    trainedParameters: z.int(),
    /** JSON lines: step, loss, learning rate, gradient norm, seconds, held-out loss. */
    series: z.string(),
    /** Captions that were longer than `text.maxTokens` and were cut. */
    truncatedCaptions: z.int(),
  })
  .meta({ id: 'TrainResult' })
export type TrainResult = z.output<typeof trainResult>

export const sampleResult = z
  .strictObject({
    type: z.literal('sample'),
    images: z.int(),
    seconds: z.number(),
    peakMemoryBytes: z.int(),
    /** Per request: tokens beyond `text.maxTokens`, which had no effect. */
    truncatedTokens: z.array(z.int()),
  })
  .meta({ id: 'SampleResult' })
export type SampleResult = z.output<typeof sampleResult>

export const trainClassifierResult = z
  .strictObject({
    type: z.literal('train-classifier'),
    file: writtenFile,
    finalLoss: z.number(),
    seconds: z.number(),
    parameters: z.int(),
  })
  .meta({ id: 'TrainClassifierResult' })

/** What the classifier saw in one image. */
export const judgement = z
  .strictObject({
    /** Most probable number of extended fingers, 0 to 6 (6 stands for more than five). */
    fingers: z.int(),
    /** Probability of each count 0 to 6. */
    fingerProbabilities: z.array(z.number()),
    /** Probability that the anatomy is wrong. */
    defectProbability: z.number(),
    /** Penultimate activations, the features for kernel distances. */
    features: z.array(z.number()),
  })
  .meta({ id: 'Judgement' })
export type Judgement = z.output<typeof judgement>

export const classifyResult = z
  .strictObject({ type: z.literal('classify'), judgements: z.array(judgement), seconds: z.number() })
  .meta({ id: 'ClassifyResult' })

export const embedResult = z
  .strictObject({
    type: z.literal('embed'),
    file: writtenFile,
    /** Numbers in the features of one image or text. */
    width: z.int(),
    /** What a CLIP multiplies a cosine of image and text with before it compares texts; null for all others. */
    logitScale: z.number().nullable(),
    seconds: z.number(),
  })
  .meta({ id: 'EmbedResult' })
export type EmbedResult = z.output<typeof embedResult>

export const jobResult = z
  .discriminatedUnion('type', [
    baseDescription,
    adapterDescription,
    createBaseResult,
    trainResult,
    extractResult,
    explainResult,
    sampleResult,
    trainClassifierResult,
    classifyResult,
    embedResult,
  ])
  .meta({ id: 'JobResult' })
export type JobResult = z.output<typeof jobResult>
export type ResultOf<Type extends JobResult['type']> = Extract<JobResult, { type: Type }>
