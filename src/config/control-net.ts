import { z } from 'zod'

/**
 * Training of a ControlNet (Zhang et al., 2023): a copy of the UNet's encoder learns to read a picture, such as a depth
 * map, and adds to the UNet's features through convolutions that begin at zero. The base is frozen. The dataset names
 * the picture of every image. The result is a folder in the layout of diffusers, and beside it `<name>.safetensors`, the
 * one file that A1111 and ComfyUI read: in the layout of the first publication for SD 1 and 2, in that of diffusers for
 * SDXL, whose networks were always shared so.
 */
export const controlNetTechnique = z
  .strictObject({
    type: z.literal('control-net'),
    /**
     * Channels of the levels that read the picture, from its own size down to the latents'; a base whose autoencoder
     * halves less often takes the first of them.
     */
    channels: z.array(z.int().min(1).max(1024)).min(2).max(8).default([16, 32, 96, 256]),
    /** A ControlNet to start from, as a folder or file, in place of the UNet's encoder. */
    start: z.string().min(1).nullable().default(null),
    /** Numeric type of the weights in the result's file. */
    weights: z.enum(['float32', 'float16', 'bfloat16']).default('float32'),
  })
  .meta({ id: 'ControlNetTechnique' })
