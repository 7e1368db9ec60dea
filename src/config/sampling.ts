import { z } from 'zod'
import { textSettings } from './text.ts'

/** Largest seed: every integer up to it is exact in both languages. */
export const seed = z.int().min(0).max(Number.MAX_SAFE_INTEGER)

/** A prompt or caption: at most 8,192 characters; tokens beyond `text.maxTokens` are cut and counted. */
export const prompt = z.string().max(8192)

/**
 * Names of the samplers: `ddim` (Song et al., 2021, eta 0), `ddpm` (Ho et al., 2020), `euler` (Karras et al., 2022,
 * algorithm 2 without churn), `euler-ancestral` (k-diffusion, eta 1), `heun` (Karras et al., 2022, algorithm 1 without
 * churn; asks the network twice a step), `dpmpp-2m` (DPM-Solver++(2M), Lu et al., 2023), `dpmpp-2m-karras` (the same
 * on noise levels of Karras et al.) and `unipc` (Zhao et al., 2023, order 2, B2).
 */
export const samplers = [
  'ddim',
  'ddpm',
  'euler',
  'euler-ancestral',
  'heun',
  'dpmpp-2m',
  'dpmpp-2m-karras',
  'unipc',
] as const

/** How images are drawn from a base. */
export const samplingSettings = z
  .strictObject({
    sampler: z.enum(samplers).default('ddim'),
    /** Denoising steps. */
    steps: z.int().min(1).max(1000).default(50),
    /** Classifier-free guidance scale (Ho and Salimans, 2022); 1 is none. */
    guidance: z.number().min(0).finite().default(7.5),
    /**
     * Share of the guided prediction that is brought back to the spread it has without guidance, against pictures that
     * high guidance overexposes (Lin et al., 2024, section 3.4; they take 0.7). 0 leaves it as it is, and so does a
     * guidance of 1.
     */
    guidanceRescale: z.number().min(0).max(1).default(0),
    /**
     * Rescale the base's noise schedule to a terminal SNR of 0 and take trailing timesteps (Lin et al., 2024), for
     * adapters that were trained so; a base that was says it itself. Refused for bases that predict noise (epsilon).
     */
    zeroTerminalSnr: z.boolean().default(false),
    /** Pixels, a multiple of the autoencoder's reduction; null takes the base's own size. */
    width: z.int().min(8).max(4096).nullable().default(null),
    height: z.int().min(8).max(4096).nullable().default(null),
    /** How prompts and negative prompts are read. */
    text: textSettings.prefault({}),
    /** Images denoised together; changes speed, not pictures. */
    batchSize: z.int().min(1).max(256).default(8),
  })
  .meta({ id: 'SamplingSettings' })
export type SamplingSettings = z.output<typeof samplingSettings>

/** An image that a drawing starts from. */
export const initialImage = z
  .strictObject({
    /** Path of an image file. Without a mask it is scaled to cover the size that is drawn and cropped at the centre. */
    file: z.string().min(1),
    /** Share of the denoising steps that are taken: 1 keeps next to nothing of the image (SDEdit, Meng et al., 2022). */
    strength: z.number().gt(0).max(1).default(0.8),
    /**
     * Path of an image whose light parts are drawn anew (inpainting); the pixels of the dark parts are returned as they
     * were given. Mask and image must have the size that is drawn. Null draws everything anew.
     */
    mask: z.string().min(1).nullable().default(null),
    /** Pixels over which what is drawn fades in from the mask's border inwards; 0 is a hard border. */
    maskBlur: z.number().min(0).max(256).default(0),
  })
  .refine(({ mask, maskBlur }) => mask !== null || maskBlur === 0, {
    message: 'has no effect without a mask',
    path: ['maskBlur'],
  })
  .meta({ id: 'InitialImage' })
export type InitialImage = z.output<typeof initialImage>

/** A ControlNet (Zhang et al., 2023) that acts on a drawing. */
export const controlReference = z
  .strictObject({
    /** Path of a folder in the layout of diffusers, or of a `.safetensors` file. */
    file: z.string().min(1),
    /** Multiplies what it adds to the UNet. */
    strength: z.number().min(0).finite().default(1),
    /** Share of the steps after which it begins to act. */
    start: z.number().min(0).lt(1).default(0),
    /** Share of the steps after which it acts no more. */
    end: z.number().gt(0).max(1).default(1),
  })
  .meta({ id: 'ControlReference' })
export type ControlReference = z.output<typeof controlReference>

/** One image to draw; `image` null draws it from noise alone. */
export const sampleRequest = z
  .strictObject({
    prompt,
    negativePrompt: prompt.default(''),
    seed,
    image: initialImage.nullable().default(null),
    /** Paths of the pictures that control it, one per ControlNet in their order; scaled to cover and cropped. */
    controls: z.array(z.string().min(1)).default([]),
  })
  .meta({ id: 'SampleRequest' })
export type SampleRequest = z.output<typeof sampleRequest>

const blockStrengths = z.array(z.number().finite()).nullable().default(null)

/** Shares of an adapter's strength, one for each block as LoRA's `blocks` count them; null is 1 everywhere. */
export const adapterBlocks = z
  .strictObject({
    down: blockStrengths,
    middle: blockStrengths,
    up: blockStrengths,
    textEncoder: blockStrengths,
    secondTextEncoder: blockStrengths,
  })
  .meta({ id: 'AdapterBlocks' })

/** An adapter file laid over a base. */
export const adapterReference = z
  .strictObject({
    /**
     * Path of a LoRA or of a textual-inversion embedding, recognised by content: a `.safetensors` file, or for
     * embeddings a `.pt` or `.bin`, which is read without running anything in it.
     */
    file: z.string().min(1),
    /** Multiplies a LoRA's change; ignored by embeddings. */
    strength: z.number().finite().default(1),
    /** Multiplies `strength` in the UNet. */
    unetStrength: z.number().finite().default(1),
    /** Multiplies `strength` in the text encoders. */
    textEncoderStrength: z.number().finite().default(1),
    /** Multiplies these in single blocks; a list must be as long as the base has blocks. */
    blocks: adapterBlocks.prefault({}),
  })
  .meta({ id: 'AdapterReference' })
export type AdapterReference = z.output<typeof adapterReference>
/** An adapter as a user writes it: fields with defaults may be left out. */
export type AdapterReferenceInput = z.input<typeof adapterReference>
