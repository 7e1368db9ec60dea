import type { StudyImage, StudyRecord } from '../artefact/study-record.ts'
import { auc, bootstrapMean, krippendorffAlpha, type ResamplingScope, wilsonInterval } from '../metrics/index.ts'
import { meanCounts } from './count-results.ts'
import type { PlacedVote, Verdict } from './counted-votes.ts'
import { type Estimate, estimateOf, type Finding, findOrSay } from './estimate.ts'
import type { RatedImage, RatingProtocol } from './protocol.ts'

const drawSeed = 1
const categories: readonly Verdict[] = ['first', 'second', 'tie', 'both-bad']

/** Krippendorff's alpha between raters: of choices whether they are the same, of counts by rank. */
export function raterAgreement(votes: readonly PlacedVote[], { settings, items }: RatingProtocol): Finding<Estimate> {
  const units = items.map((): number[] => [])
  for (const { item, verdict } of votes) {
    const value = typeof verdict === 'number' ? verdict : categories.indexOf(verdict)
    if (value >= 0) units[item]?.push(value)
  }
  const level = settings.mode === 'pairs' ? 'nominal' : 'ordinal'
  const { found, reason } = findOrSay(() => krippendorffAlpha(units, { level, seed: drawSeed }))
  if (reason !== null) return { found: null, reason: 'too few were rated by two raters' }
  if (found === null) return { found: null, reason: 'all said the same of everything' }
  return { found: estimateOf(found.alpha, found), reason: null }
}

/** What is measured in a single image, higher for better; null where it was not. */
const measures: readonly { readonly label: string; measure(image: StudyImage): number | null }[] = [
  {
    label: 'right number of fingers',
    measure: ({ fingers, expectedFingers }) =>
      fingers === null || expectedFingers === null ? null : Number(fingers === expectedFingers),
  },
  { label: 'low defect probability', measure: ({ defectProbability: defect }) => (defect === null ? null : -defect) },
]

/**
 * How often what the study measured in an image sides with the raters: of pairs that a rater decided, the share in which
 * the chosen image measures better, equal ones half; of counts, the chance that an image without anything wrong measures
 * better than one with. 0.5 is chance either way.
 */
export function measureAgreement(
  votes: readonly PlacedVote[],
  protocol: RatingProtocol,
  study: StudyRecord,
  scope: ResamplingScope,
): { label: string; estimate: Estimate | null; reason: string | null }[] {
  const measured = new Map(study.images.map((image) => [keyOf(image), image]))
  return measures.map(({ label, measure }) => {
    const value = (image: RatedImage) => {
      const found = measured.get(keyOf(image))
      return found === undefined ? null : measure(found)
    }
    const { found, reason } = findOrSay(() =>
      protocol.settings.mode === 'pairs'
        ? siding(votes, protocol, value, scope)
        : parting(meanCounts(votes, protocol), value),
    )
    return { label, estimate: found, reason }
  })
}

type Measure = (image: RatedImage) => number | null

function siding(
  votes: readonly PlacedVote[],
  { items, images }: RatingProtocol,
  value: Measure,
  scope: ResamplingScope,
): Estimate {
  const places = new Map<number, Map<number, number[]>>()
  for (const { item, verdict } of votes) {
    if (verdict !== 'first' && verdict !== 'second') continue
    const [first, second] = (items[item] as number[]).map((i) => images[i]) as [RatedImage, RatedImage]
    const [one, other] = [value(first), value(second)]
    if (one === null || other === null) continue
    const side = one === other ? 0.5 : Number(one > other === (verdict === 'first'))
    const seeds = places.get(first.prompt) ?? new Map<number, number[]>()
    places.set(first.prompt, seeds.set(first.seed, [...(seeds.get(first.seed) ?? []), side]))
  }
  // Votes on one prompt and seed look at the same images, so they count as one.
  const rows = [...places.values()].map((seeds) =>
    [...seeds.values()].map((sides) => sides.reduce((sum, side) => sum + side, 0) / sides.length),
  )
  const [share, ...others] = new Set(rows.flat())
  // Draws of what never varies would claim to be certain.
  if (others.length === 0 && (share === 0 || share === 1)) {
    const places = rows.flat().length
    return estimateOf(share, wilsonInterval(share * places, places))
  }
  const { mean, ...interval } = bootstrapMean(rows, { scope, seed: drawSeed })
  return estimateOf(mean, interval)
}

function parting(counts: ReadonlyMap<RatedImage, number>, value: Measure): Estimate {
  const values = [...counts].flatMap(([image, count]) => {
    const measured = value(image)
    return measured === null ? [] : [{ measured, right: count < 0.5 }]
  })
  const [right, wrong] = [true, false].map((side) =>
    values.filter((each) => each.right === side).map(({ measured }) => measured),
  )
  const { auc: area, ...interval } = auc(right ?? [], wrong ?? [])
  return estimateOf(area, interval)
}

/** The same picture of the same cell: the file's path holds the cell's key. */
function keyOf({ arm, prompt, seed, file }: Pick<StudyImage, 'arm' | 'prompt' | 'seed' | 'file'>): string {
  return JSON.stringify([arm, prompt, seed, file])
}
