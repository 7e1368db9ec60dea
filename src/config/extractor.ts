import { z } from 'zod'

const sha256Start = z.string().regex(/^[0-9a-f]{8,64}$/, 'is the first 8 to 64 digits of a SHA-256, in small letters')
const model = z.string().min(1)

/**
 * The Inception of FID and KID (Heusel et al., 2017), as converted for torch: 2,048 activations of its last pooling.
 * `tensorflow-bilinear` resizes as the first implementation did, without antialias; `pillow-bicubic` as clean-fid does
 * (Parmar et al., 2022). Distances of the two are not comparable.
 */
const inceptionExtractor = z.strictObject({
  type: z.literal('inception'),
  /** Path of `pt_inception-2015-12-05-6726825d.pth`, which torch-fidelity and pytorch-fid fetch, or of the same as safetensors. */
  weights: z.string().min(1),
  /** Beginning of the file's SHA-256, which is checked; that of the published file by default. */
  sha256: sha256Start.default('6726825d'),
  resize: z.enum(['pillow-bicubic', 'tensorflow-bilinear']).default('pillow-bicubic'),
})

/** The projected embeddings of a CLIP (Radford et al., 2021) in the layout of transformers, for images and texts. */
export const clipExtractor = z.strictObject({
  type: z.literal('clip'),
  /** Hub id as `owner/name@revision`, or a folder. */
  model,
  /** Beginning of the SHA-256 of its weights, which is checked when given. */
  sha256: sha256Start.nullable().default(null),
})

/** The class token of a DINOv2 (Oquab et al., 2023) in the layout of transformers, after its last norm. */
const dinov2Extractor = z.strictObject({
  type: z.literal('dinov2'),
  /** Hub id as `owner/name@revision`, or a folder. */
  model,
  /** Beginning of the SHA-256 of its weights, which is checked when given. */
  sha256: sha256Start.nullable().default(null),
})

/** What both heads of a finger classifier look at; null takes the classifier that comes with the package. */
const classifierExtractor = z.strictObject({
  type: z.literal('finger-classifier'),
  weights: z.string().min(1).nullable().default(null),
})

/** Variance of the Laplacian of the luma at the image's own size, one number (Pech-Pacheco et al., 2000). */
const sharpnessExtractor = z.strictObject({ type: z.literal('sharpness') })

/** What turns images into features, as a user names it. */
export const extractorSettings = z.discriminatedUnion('type', [
  classifierExtractor,
  inceptionExtractor,
  clipExtractor,
  dinov2Extractor,
  sharpnessExtractor,
])
export type ExtractorSettings = z.output<typeof extractorSettings>
export type ExtractorInput = z.input<typeof extractorSettings>

type Options<Extractor extends z.ZodType> = Omit<z.input<Extractor>, 'type'>

/** The Inception of FID and KID, from a file of the user's. */
export function inception(options: Options<typeof inceptionExtractor>) {
  return { type: 'inception' as const, ...options }
}

/** A CLIP by hub id or folder. */
export function clip(options: Options<typeof clipExtractor>) {
  return { type: 'clip' as const, ...options }
}

/** A DINOv2 by hub id or folder. */
export function dinov2(options: Options<typeof dinov2Extractor>) {
  return { type: 'dinov2' as const, ...options }
}
