import { z } from 'zod'

/** Shape of a new Stable Diffusion of the SD 1 breed (diffusers layout), made with random weights. */
export const baseArchitecture = z
  .strictObject({
    /** Pixels of its images, a multiple of the autoencoder's reduction. */
    imageSize: z.int().min(8).max(1024).default(64),
    /** Channels per level of the autoencoder; each level but the last halves the size. */
    autoencoderChannels: z.array(z.int().min(4)).min(1).max(6).default([32, 64, 64]),
    autoencoderLayersPerBlock: z.int().min(1).max(4).default(1),
    latentChannels: z.int().min(1).max(16).default(4),
    /** Channels per level of the UNet. */
    unetChannels: z.array(z.int().min(4)).length(4).default([64, 128, 128, 112]),
    unetLayersPerBlock: z.int().min(1).max(4).default(1),
    /** Attention heads per UNet level. */
    unetAttentionHeads: z.int().min(1).max(32).default(4),
    /** Width of the text embeddings. */
    textWidth: z.int().min(8).max(2048).default(128),
    textLayers: z.int().min(1).max(32).default(2),
    textHeads: z.int().min(1).max(32).default(4),
    /** Groups of all group normalisations; divides every channel count. */
    normGroups: z.int().min(1).max(32).default(16),
    /** Largest size of the byte-pair vocabulary that is learned from `captions`. */
    vocabularySize: z.int().min(514).max(49408).default(1024),
  })
  .meta({ id: 'BaseArchitecture' })
export type BaseArchitecture = z.output<typeof baseArchitecture>
export type BaseArchitectureInput = z.input<typeof baseArchitecture>
