import type { PairedVote } from '../../src/metrics/index.ts'
import type { RandomStream } from '../../src/util/random.ts'

/** Log-strengths that {@link drawPreferences} draws from. */
export const preferenceStrengths: Readonly<Record<string, number>> = { base: 0, negative: 0.3, lora: 1, inversion: 0.6 }

export interface PreferenceOptions {
  readonly prompts: number
  readonly votesPerPair: number
  /** Standard deviation of what a prompt adds to the strength of an item. */
  readonly spread: number
}

/** Votes on every pair of items for each prompt, with ties, of the model of Davidson. */
export function drawPreferences(random: RandomStream, options: PreferenceOptions): PairedVote[] {
  const items = Object.keys(preferenceStrengths)
  return Array.from({ length: options.prompts }, (_, prompt) => {
    const own = items.map((item) => (preferenceStrengths[item] as number) + options.spread * random.normal())
    return items.flatMap((first, i) =>
      items.slice(i + 1).flatMap((second, j) =>
        Array.from({ length: options.votesPerPair }, (): PairedVote => {
          const half = ((own[i] as number) - (own[i + 1 + j] as number)) / 2
          const [win, loss, tie] = [Math.exp(half), Math.exp(-half), 0.7]
          const luck = random.unit() * (win + loss + tie)
          const outcome = luck < win ? 'first' : luck < win + loss ? 'second' : 'tie'
          return { first, second, outcome, cluster: `prompt ${prompt}` }
        }),
      ),
    )
  }).flat()
}

export interface RatingOptions {
  readonly units: number
  readonly raters: number
  /** Chance that a rater sees what is there; else one of the categories at random. */
  readonly insight: number
}

/** Chances of the categories 0, 1 and 2 that {@link drawRatings} draws from. */
const categoryChances = [0.5, 0.3, 0.2]

/** Categories that raters gave to units. */
export function drawRatings(random: RandomStream, { units, raters, insight }: RatingOptions): number[][] {
  return Array.from({ length: units }, () => {
    const truth = drawCategory(random)
    return Array.from({ length: raters }, () => (random.chance(insight) ? truth : drawCategory(random)))
  })
}

/**
 * Krippendorff's alpha of {@link drawRatings} with endless units, nominal: two raters of a unit agree beyond chance
 * where both see what is there.
 */
export function trueAgreement(insight: number): number {
  return insight ** 2
}

function drawCategory(random: RandomStream): number {
  const luck = random.unit()
  return luck < (categoryChances[0] as number) ? 0 : luck < 1 - (categoryChances[2] as number) ? 1 : 2
}
