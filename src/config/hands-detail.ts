import { z } from 'zod'
import { findHandsSettings } from './hands.ts'

/** Hands as the detail that is repaired. */
export const handsDetail = z.strictObject({
  type: z.literal('hands').default('hands'),
  /** How they are looked for. */
  search: findHandsSettings.prefault({}),
  /** Finger classifier's file; null takes the one that comes with the package. */
  classifier: z.string().min(1).nullable().default(null),
})
export type HandsDetailInput = z.input<typeof handsDetail>
export type HandsDetail = z.output<typeof handsDetail>

/** Hands as a detail to repair, in the words of a request or an arm of a study. */
export function hands(options: Omit<HandsDetailInput, 'type'> = {}): HandsDetailInput {
  return { type: 'hands', ...options }
}
