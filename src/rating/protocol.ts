import { z } from 'zod'
import { ratingSettings } from '../config/rating.ts'

const index = z.int().min(0)

/** An image that is rated: what it stands for in the study, and what it must still be when it is shown. */
const ratedImage = z.strictObject({
  arm: z.string(),
  /** Index into the study's prompts. */
  prompt: index,
  seed: index,
  /** Relative to the study's folder; it names the cell. */
  file: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
export type RatedImage = z.output<typeof ratedImage>

/** What is rated, frozen before the first vote: settings, question, images and what is shown of them. */
export const ratingProtocol = z.strictObject({
  format: z.literal('phalanx-rating-protocol'),
  version: z.literal(1),
  study: z.strictObject({ name: z.string(), plan: z.string() }),
  settings: ratingSettings,
  prompts: z.array(z.string()),
  images: z.array(ratedImage),
  /** Indices into `images`: two of one prompt and seed, or one. Every rater sees them all, in an order of their own. */
  items: z.array(z.array(index).min(1).max(2)).min(1),
  /** Pairs that were left out because both sides are the same picture, which nobody needs to look at. */
  identicalPairs: z.int().min(0),
})
export type RatingProtocol = z.output<typeof ratingProtocol>
