import { z } from 'zod'

/** Numeric type of weights in files. */
export const storedType = z.enum(['float32', 'float16', 'bfloat16'])

/** How large a low-rank file of a difference becomes: either every layer's rank, or the bytes of the whole file. */
export const lowRankSize = z
  .strictObject({
    /** Of every layer, and alpha with it; a layer with a smaller side takes that. */
    rank: z.int().min(1).max(65_536).nullable().default(null),
    /** At most so many bytes, spent on the ranks that take away the most of the error. */
    bytes: z.int().min(1).nullable().default(null),
  })
  .meta({ id: 'LowRankSize' })

/** Whether a size is exactly one of the two. */
export function isOneSize({ rank, bytes }: z.output<typeof lowRankSize>): boolean {
  return (rank === null) !== (bytes === null)
}
export const oneSize = { message: 'must have either rank or bytes' }
