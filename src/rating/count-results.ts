import type { MetricRecord, MetricRow, StudyRecord } from '../artefact/study-record.ts'
import { bootstrapMean, clusterPermutationTest, type ResamplingScope } from '../metrics/index.ts'
import type { PlacedVote } from './counted-votes.ts'
import { estimateOf, findOrSay } from './estimate.ts'
import { baselineOf, corrected } from './pair-results.ts'
import type { RatedImage, RatingProtocol } from './protocol.ts'

/** Of bootstrap and permutation draws: the same votes give the same results. */
const drawSeed = 1

/** Mean count of each arm, and its difference to the baseline on the prompts and seeds that were counted in both. */
export function countRows(
  votes: readonly PlacedVote[],
  protocol: RatingProtocol,
  study: StudyRecord,
  scope: ResamplingScope,
): MetricRow[] {
  const counts = meanCounts(votes, protocol)
  const arms = [...new Set(protocol.items.flat().map((i) => (protocol.images[i] as RatedImage).arm))]
  const valuesOf = (arm: string) =>
    new Map(
      [...counts].flatMap(([image, count]) => (image.arm === arm ? [[placeOf(image), { image, count }] as const] : [])),
    )
  return corrected(
    arms.map((arm) => {
      const own = valuesOf(arm)
      const baseline = baselineOf(arm, study)
      const others = baseline === null ? new Map<string, never>() : valuesOf(baseline)
      const shared = [...own].flatMap(([place, { image, count }]) => {
        const other = others.get(place)
        return other === undefined ? [] : [{ image, count: count - other.count }]
      })
      const mean = findOrSay(() => bootstrapMean(byPrompt([...own.values()]), { scope, seed: drawSeed }))
      const change = findOrSay(() => bootstrapMean(byPrompt(shared), { scope, seed: drawSeed }))
      return {
        arm,
        count: own.size,
        estimate: mean.found && estimateOf(mean.found.mean, mean.found),
        reason: mean.reason ?? (baseline === null ? null : change.reason),
        difference: change.found && {
          ...estimateOf(change.found.mean, change.found),
          test: 'permutation of differences',
          p: clusterPermutationTest(scope === 'seeds' ? shared.map(({ count }) => [count]) : byPrompt(shared), {
            seed: drawSeed,
          }),
        },
      }
    }),
  )
}

/** Mean of what raters counted in each image; where nobody could tell, the image is left out. */
export function meanCounts(votes: readonly PlacedVote[], { items, images }: RatingProtocol): Map<RatedImage, number> {
  const counted = new Map<RatedImage, number[]>()
  for (const { item, verdict } of votes) {
    const image = images[items[item]?.[0] as number]
    if (image !== undefined && typeof verdict === 'number') counted.set(image, [...(counted.get(image) ?? []), verdict])
  }
  return new Map(
    [...counted].map(([image, counts]) => [image, counts.reduce((sum, count) => sum + count, 0) / counts.length]),
  )
}

function placeOf({ prompt, seed }: RatedImage): string {
  return `${prompt}/${seed}`
}

function byPrompt(values: readonly { readonly image: RatedImage; readonly count: number }[]): number[][] {
  const rows = new Map<number, number[]>()
  for (const { image, count } of values) rows.set(image.prompt, [...(rows.get(image.prompt) ?? []), count])
  return [...rows.values()]
}

/** What the arms' results are called and how they are to be read. */
export function describeCounts(question: string): Pick<MetricRecord, 'label' | 'unit' | 'better' | 'description'> {
  return {
    label: 'what people count',
    unit: 'count',
    better: 'lower',
    description: `Raters who did not know the arms were asked of each image: “${question}” Images of which nobody could tell are left out.`,
  }
}
