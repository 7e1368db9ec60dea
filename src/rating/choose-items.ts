import type { RatingSettings } from '../config/rating.ts'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { RandomStream } from '../util/random.ts'
import type { RatedImage } from './protocol.ts'

/** What is shown to raters. */
export interface ChosenItems {
  /** Indices into the images, two or one each. */
  readonly items: readonly (readonly number[])[]
  readonly identicalPairs: number
}

/**
 * Chooses what is rated: every pair of arms (or every arm) as often as every other one, each over as many prompts and
 * seeds as the count allows. Throws ConfigError for an unknown arm (`unknown-arm`) and when nothing is left to rate
 * (`nothing-to-rate`).
 */
export function chooseItems(images: readonly RatedImage[], settings: RatingSettings): ChosenItems {
  const arms = chosenArms(images, settings.arms)
  const places = new Map<string, Map<string, number>>()
  images.forEach(({ arm, prompt, seed }, i) => {
    const place = `${prompt}/${seed}`
    places.set(place, (places.get(place) ?? new Map<string, number>()).set(arm, i))
  })
  const kinds = settings.mode === 'count' ? arms.map((arm) => [arm]) : pairsOf(arms)
  const random = new RandomStream('rating-items', settings.seed)
  const found = kinds.map((kind) => {
    const shown = [...places.values()].map((place) => kind.flatMap((arm) => place.get(arm) ?? []))
    return random.shuffle(shown.filter((item) => item.length === kind.length))
  })
  const different = found.map((items) => items.filter((item) => !isIdentical(item, images)))
  const items = takeInTurn(different, settings.count, (item) => images[item[0] as number]?.prompt as number)
  if (items.length === 0) throw nothingToRate(arms, settings)
  return { items, identicalPairs: found.flat().length - different.flat().length }
}

function chosenArms(images: readonly RatedImage[], wanted: readonly string[] | null): string[] {
  const arms = [...new Set(images.map(({ arm }) => arm))]
  if (wanted === null) return arms
  for (const arm of wanted) {
    if (arms.includes(arm)) continue
    const nearest = nearestName(arm, arms)
    throw new ConfigError({
      code: 'unknown-arm',
      message: `The study has no images of an arm "${arm}". ${nearest === undefined ? `Its arms are ${arms.join(', ')}.` : `Did you mean "${nearest}"?`}`,
      facts: { arm, arms },
    })
  }
  return [...new Set(wanted)]
}

function pairsOf(arms: readonly string[]): string[][] {
  return arms.flatMap((first, i) => arms.slice(i + 1).map((second) => [first, second]))
}

function isIdentical(item: readonly number[], images: readonly RatedImage[]): boolean {
  const [first, second] = item.map((i) => images[i]?.sha256)
  return second !== undefined && first === second
}

/** From each list in turn, and inside a list from the prompt taken least, until there are enough. */
function takeInTurn(
  lists: readonly (readonly (readonly number[])[])[],
  count: number,
  promptOf: (item: readonly number[]) => number,
): (readonly number[])[] {
  const queues = lists.map((items) => {
    const taken = new Map<number, number>()
    const ranked = items.map((item) => {
      const rank = taken.get(promptOf(item)) ?? 0
      taken.set(promptOf(item), rank + 1)
      return { item, rank }
    })
    return ranked.sort((a, b) => a.rank - b.rank).map(({ item }) => item)
  })
  const longest = Math.max(0, ...queues.map((queue) => queue.length))
  const rounds = Array.from({ length: longest }, (_, round) => queues.flatMap((queue) => queue.slice(round, round + 1)))
  return rounds.flat().slice(0, count)
}

function nothingToRate(arms: readonly string[], { mode }: RatingSettings): ConfigError {
  return new ConfigError({
    code: 'nothing-to-rate',
    message:
      mode === 'pairs'
        ? `No prompt and seed has two different pictures among ${arms.join(', ')}. Rate more arms, or a study whose arms differ.`
        : 'The study has no images. Run it first.',
    facts: { arms },
  })
}
