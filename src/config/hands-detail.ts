import { z } from 'zod'
import { findHandsSettings } from './hands.ts'
import { repairSettings } from './repair.ts'

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

/** How an arm of a study repairs what it draws; the classifier is the study's, prompts are those of the pictures. */
export const armRepair = repairSettings.omit({ prompt: true }).extend(handsDetail.omit({ classifier: true }).shape)
export type ArmRepair = z.output<typeof armRepair>

/** Hands as the detail of {@link Lab.repair}, or as the repair of an arm of a study with how it goes about it. */
export function hands<Options extends object>(options?: Options): Options & { readonly type: 'hands' } {
  return { type: 'hands', ...(options as Options) }
}
