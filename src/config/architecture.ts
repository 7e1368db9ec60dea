import { z } from 'zod'

/** Breeds of Stable Diffusion. */
export const families = ['sd-1', 'sd-2', 'sdxl'] as const
export type Family = (typeof families)[number]
/** What a UNet may be trained to predict. */
export const predictions = ['epsilon', 'v_prediction'] as const

/** Shape of a new Stable Diffusion (diffusers layout), made with random weights. */
export const baseArchitecture = z
  .strictObject({
    /**
     * `sd-1`: CLIP, convolutional projections around attention. `sd-2`: OpenCLIP, linear ones. `sdxl`: both encoders,
     * penultimate layers side by side, conditioned on sizes and the pooled second embedding, a UNet of three levels.
     */
    family: z.enum(families).default('sd-1'),
    /** What the UNet predicts: noise, or velocity (Salimans and Ho, 2022) as the 768-pixel SD 2 does. */
    prediction: z.enum(predictions).default('epsilon'),
    /** Whether the UNet also takes a mask and masked latents. */
    inpainting: z.boolean().default(false),
    /** Pixels of its images, a multiple of the autoencoder's reduction. */
    imageSize: z.int().min(8).max(1024).default(64),
    /** Channels per level of the autoencoder; each level but the last halves the size. */
    autoencoderChannels: z.array(z.int().min(4)).min(1).max(6).default([32, 64, 64]),
    autoencoderLayersPerBlock: z.int().min(1).max(4).default(1),
    latentChannels: z.int().min(1).max(16).default(4),
    /** Channels per level of the UNet: four of them, for `sdxl` three. */
    unetChannels: z.array(z.int().min(4)).min(3).max(4).default([64, 128, 128, 112]),
    unetLayersPerBlock: z.int().min(1).max(4).default(1),
    /** Transformer blocks per attention for each level; null takes one everywhere. SDXL has 1, 2 and 10. */
    transformerLayers: z.array(z.int().min(1).max(16)).min(3).nullable().default(null),
    /** Attention heads per UNet level. */
    unetAttentionHeads: z.int().min(1).max(32).default(4),
    /** Width of the text embeddings. */
    textWidth: z.int().min(8).max(2048).default(128),
    textLayers: z.int().min(1).max(32).default(2),
    /** Of SDXL's second text encoder, whose number of heads is that of the first. */
    secondTextWidth: z.int().min(8).max(2048).default(128),
    secondTextLayers: z.int().min(1).max(32).default(2),
    textHeads: z.int().min(1).max(32).default(4),
    /** Groups of all group normalisations; divides every channel count. */
    normGroups: z.int().min(1).max(32).default(16),
    /** Largest size of the byte-pair vocabulary that is learned from `captions`. */
    vocabularySize: z.int().min(514).max(49408).default(1024),
  })
  .meta({ id: 'BaseArchitecture' })
export type BaseArchitecture = z.output<typeof baseArchitecture>
export type BaseArchitectureInput = z.input<typeof baseArchitecture>
