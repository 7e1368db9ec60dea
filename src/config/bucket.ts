import { z } from 'zod'

const side = z.int().min(8).max(8192)

/**
 * Aspect-ratio buckets: every image is trained on at the size, of about the training's own area (`width` times
 * `height`), whose aspect is nearest to its own, so that little of it is cut off. Sizes are those of kohya's list.
 */
export const bucketSettings = z
  .strictObject({
    /** Sides are multiples of it; null takes what all halvings of the base divide: 64 pixels in SD 1 and 2, 32 in SDXL. */
    step: side.nullable().default(null),
    /** Shortest side, a multiple of the step; null takes half the side of a square of the area, rounded up to a step. */
    least: side.nullable().default(null),
    /** Longest side, a multiple of the step; null takes twice the side of that square, rounded down. */
    largest: side.nullable().default(null),
    /** Enlarge images that are smaller than their size; otherwise they get a size within their own. */
    upscale: z.boolean().default(true),
  })
  .meta({ id: 'BucketSettings' })
export type BucketSettings = z.output<typeof bucketSettings>
