import { z } from 'zod'
import { seed } from './sampling.ts'

const share = z.number().min(0).max(0.5)
const common = {
  /** How many a rater is shown, repeats and catch pairs aside; fewer where the study has fewer. */
  count: z.int().min(1).max(10_000).default(200),
  /** Arms to rate; null takes all. */
  arms: z.array(z.string()).min(1).nullable().default(null),
  /** Share that is shown a second time, for the agreement of raters with themselves. */
  repeats: share.default(0.05),
  /** Votes between two suggestions to rest. */
  restAfter: z.int().min(1).default(50),
  /** Of the choice of images, and of every rater's order and sides. */
  seed: seed.default(0),
}

/** A blind rating of a study's images, as it is frozen when its first rater comes. */
export const ratingSettings = z.discriminatedUnion('mode', [
  z.strictObject({
    /** Two images of one prompt and seed. */
    mode: z.literal('pairs'),
    /** What raters are asked. */
    question: z.string().min(1).max(300).default('Which image shows the more correct hands?'),
    ...common,
    /** Share of pairs, in addition, of which one side is broken: who does not see that is left out. */
    catches: share.default(0.05),
    /** Share of catch pairs that a rater must get right to be counted. */
    catchesToPass: z.number().min(0).max(1).default(0.8),
  }),
  z.strictObject({
    /** One image, of which something is counted, 0 to 9. */
    mode: z.literal('count'),
    question: z.string().min(1).max(300).default('How many fingers are wrong?'),
    ...common,
  }),
])
export type RatingSettings = z.output<typeof ratingSettings>
/** What a user says of a rating; without a mode it is one of pairs. */
export type RatingInput = Partial<
  z.input<(typeof ratingSettings.options)[0]> | z.input<(typeof ratingSettings.options)[1]>
>

/** Mode of a rating of which none is said. */
export const defaultRatingMode = 'pairs'
