import { z } from 'zod'

/** Hands as the detail that is repaired. */
export const handsDetail = z.strictObject({
  type: z.literal('hands').default('hands'),
  /** Finger classifier's file; null takes the one that comes with the package. */
  classifier: z.string().min(1).nullable().default(null),
})
export type HandsDetailInput = z.input<typeof handsDetail>
export type HandsDetail = z.output<typeof handsDetail>
