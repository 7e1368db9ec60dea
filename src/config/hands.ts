import { z } from 'zod'

/** A rectangle of a picture in pixels; it may reach beyond the picture's edge. */
const box = z.strictObject({
  left: z.number(),
  top: z.number(),
  width: z.number().positive(),
  height: z.number().positive(),
})

/** How hands are looked for in a picture. */
export const findHandsSettings = z.strictObject({
  /** Where hands are, instead of the detector; null looks for them. */
  boxes: z.array(box).max(1000).nullable().default(null),
  /** Least score of the detector; `experiments/hand-detector` shows what others find. */
  confidence: z.number().min(0.1).max(1).default(0.3),
  /** Least probability that a hand is there, as the landmark model judges; below it a hand has no landmarks. */
  presence: z.number().min(0).max(1).default(0.5),
  /** How often the picture is also searched in tiles of half the size, then of a quarter; 0 looks at it whole alone. */
  zoom: z.int().min(0).max(3).default(0),
})
export type FindHandsInput = z.input<typeof findHandsSettings>
export type FindHandsSettings = z.output<typeof findHandsSettings>

/** How fitted hands are drawn. */
export const drawHandsSettings = z.strictObject({
  /** Pixels by which the mask is larger than the hands, and over which it then fades. */
  rim: z.int().min(0).max(200).default(8),
})
export type DrawHandsInput = z.input<typeof drawHandsSettings>
