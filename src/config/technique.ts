import { z } from 'zod'
import { controlNetTechnique } from './control-net.ts'
import { fullTechnique } from './full.ts'
import { loraTechnique } from './lora.ts'
import { lohaTechnique, lokrTechnique } from './lycoris.ts'
import {
  negativeEmbeddingTechnique,
  type TextualInversionOptions,
  textualInversionTechnique,
} from './textual-inversion.ts'

/**
 * Trains the variational autoencoder of a base against reconstruction: L1 + gradient difference + KL divergence.
 * The result is a whole base whose scaling factor is set so that latents have unit variance.
 */
export const autoencoderTechnique = z
  .strictObject({
    type: z.literal('autoencoder'),
    /** Weight of the KL divergence to the standard normal, per latent element. */
    klWeight: z.number().min(0).finite().default(1e-6),
    /** Weight of the difference between horizontal and vertical image gradients, which keeps edges sharp. */
    gradientWeight: z.number().min(0).finite().default(1),
    /** Side in pixels of the random square crops that are trained on; null takes whole images. */
    crop: z.int().min(16).nullable().default(null),
  })
  .meta({ id: 'AutoencoderTechnique' })

export const technique = z
  .discriminatedUnion('type', [
    loraTechnique,
    lohaTechnique,
    lokrTechnique,
    textualInversionTechnique,
    negativeEmbeddingTechnique,
    controlNetTechnique,
    fullTechnique,
    autoencoderTechnique,
  ])
  .meta({ id: 'Technique' })

/** A technique with every field present, as the worker receives it. */
export type Technique = z.output<typeof technique>
/** A technique as a user writes it: fields with defaults may be left out. */
export type TechniqueInput = z.input<typeof technique>
/** The input of one technique. */
export type TechniqueInputOf<Type extends Technique['type']> = Extract<TechniqueInput, { type: Type }>

/** Low-rank adaptation; see {@link loraTechnique} for fields and defaults. */
export function lora(options: Omit<z.input<typeof loraTechnique>, 'type'> = {}): TechniqueInputOf<'lora'> {
  return { type: 'lora', ...options }
}

/** A LoHa; see {@link lohaTechnique} for fields and defaults. */
export function loha(options: Omit<z.input<typeof lohaTechnique>, 'type'> = {}): TechniqueInputOf<'loha'> {
  return { type: 'loha', ...options }
}

/** A LoKr; see {@link lokrTechnique} for fields and defaults. */
export function lokr(options: Omit<z.input<typeof lokrTechnique>, 'type'> = {}): TechniqueInputOf<'lokr'> {
  return { type: 'lokr', ...options }
}

/**
 * Textual inversion of one token, `textualInversion({ placeholder: '<palm>', vectors: 2 })`, or of several,
 * `textualInversion({ tokens: [{ placeholder: '<palm>' }, { placeholder: '<fist>' }] })`; see
 * {@link textualInversionTechnique} for fields and defaults.
 */
export function textualInversion(options: TextualInversionOptions = {}): TechniqueInputOf<'textual-inversion'> {
  if ('tokens' in options) return { type: 'textual-inversion', ...options, tokens: [...options.tokens] }
  const { templates, norm, ...token } = options
  return { type: 'textual-inversion', tokens: token, templates, norm }
}

/** A negative embedding; see {@link negativeEmbeddingTechnique} for fields, defaults and what is minimised. */
export function negativeEmbedding(
  options: Omit<z.input<typeof negativeEmbeddingTechnique>, 'type'> = {},
): TechniqueInputOf<'negative-embedding'> {
  return { type: 'negative-embedding', ...options }
}

/** Training of the base's own weights; see {@link fullTechnique}. Its layout decides what comes out. */
export function full<const Options extends Omit<z.input<typeof fullTechnique>, 'type'> = Record<never, never>>(
  options?: Options,
): { readonly type: 'full' } & Options {
  return { type: 'full', ...(options as Options) }
}

/** Training of a ControlNet; see {@link controlNetTechnique} for fields and defaults. */
export function controlNet(
  options: Omit<z.input<typeof controlNetTechnique>, 'type'> = {},
): TechniqueInputOf<'control-net'> {
  return { type: 'control-net', ...options }
}

/** Training of the autoencoder; see {@link autoencoderTechnique}. */
export function autoencoder(
  options: Omit<z.input<typeof autoencoderTechnique>, 'type'> = {},
): TechniqueInputOf<'autoencoder'> {
  return { type: 'autoencoder', ...options }
}
