import type { Comparison } from '../artefact/rating-record.ts'
import type { MetricRecord, MetricRow, StudyRecord } from '../artefact/study-record.ts'
import {
  type BradleyTerryFit,
  bradleyTerry,
  clusterPermutationTest,
  holm,
  type PairedVote,
  type ResamplingScope,
  type StrengthEstimate,
} from '../metrics/index.ts'
import type { PlacedVote, Verdict } from './counted-votes.ts'
import { estimateOf, findOrSay } from './estimate.ts'
import type { RatedImage, RatingProtocol } from './protocol.ts'

/** Of permutation draws: the same votes give the same results. */
const drawSeed = 1

/** A vote on two arms, whatever side they were on. */
interface ArmVote extends PairedVote {
  readonly verdict: Verdict
}

/**
 * How often each arm would be chosen over an average one and over its baseline where the two are not equal, by the
 * strengths of {@link bradleyTerry}; and whether it is chosen more or less often than the baseline, by a permutation test
 * on the votes that compared the two.
 */
export function pairRows(
  votes: readonly PlacedVote[],
  protocol: RatingProtocol,
  study: StudyRecord,
  scope: ResamplingScope,
): { rows: MetricRow[]; comparisons: Comparison[]; tieChance: number | null } {
  const cast = votes.map((vote) => armVote(vote, protocol, scope))
  const arms = [...new Set(protocol.items.flat().map((i) => (protocol.images[i] as RatedImage).arm))]
  const fits = new Map<string | undefined, ReturnType<typeof findOrSay<BradleyTerryFit>>>()
  const fitAgainst = (reference: string | undefined) => {
    const fit = fits.get(reference) ?? findOrSay(() => bradleyTerry(cast, reference === undefined ? {} : { reference }))
    fits.set(reference, fit)
    return fit
  }
  const overall = fitAgainst(undefined)
  const rows = arms.map((arm): Omit<MetricRow, 'difference'> & { difference: UncorrectedDifference | null } => {
    const own = overall.found?.strengths.find(({ item }) => item === arm)
    const baseline = baselineOf(arm, study)
    const direct = cast.filter(
      ({ first, second }) => [first, second].includes(arm) && [first, second].includes(baseline ?? ''),
    )
    return {
      arm,
      count: cast.filter(({ first, second }) => first === arm || second === arm).length,
      estimate: own === undefined ? null : shareOf(own, 0),
      reason:
        own === undefined
          ? (overall.reason ?? 'nobody voted on it')
          : baseline !== null && direct.length === 0
            ? 'nobody compared it with the baseline'
            : null,
      difference: baseline === null || direct.length === 0 ? null : compare(arm, direct, fitAgainst(baseline).found),
    }
  })
  return { rows: corrected(rows), comparisons: compareArms(cast), tieChance: overall.found?.tieChance ?? null }
}

type UncorrectedDifference = Omit<NonNullable<MetricRow['difference']>, 'adjustedP'>

function compare(arm: string, direct: readonly ArmVote[], fit: BradleyTerryFit | null): UncorrectedDifference | null {
  const strength = fit?.strengths.find(({ item }) => item === arm)
  if (strength === undefined) return null
  const clusters = new Map<string, number[]>()
  for (const { cluster, first, outcome } of direct) {
    const value = outcome === 'tie' ? 0 : (outcome === 'first') === (first === arm) ? 1 : -1
    clusters.set(cluster, [...(clusters.get(cluster) ?? []), value])
  }
  return {
    ...shareOf(strength, 0.5),
    test: 'permutation of votes',
    p: clusterPermutationTest([...clusters.values()], { seed: drawSeed }),
  }
}

/** Chance to be chosen where the two are not tied, less `from`. */
function shareOf(strength: StrengthEstimate, from: number) {
  const chance = (logOdds: number) => 1 / (1 + Math.exp(-logOdds)) - from
  return estimateOf(chance(strength.strength), {
    ...strength,
    low: chance(strength.low),
    high: chance(strength.high),
  })
}

function armVote({ item, verdict }: PlacedVote, { items, images }: RatingProtocol, scope: ResamplingScope): ArmVote {
  const [first, second] = (items[item] as number[]).map((i) => images[i]) as [RatedImage, RatedImage]
  const outcome = verdict === 'first' || verdict === 'second' ? verdict : 'tie'
  return { first: first.arm, second: second.arm, outcome, verdict, cluster: clusterOf(first, scope) }
}

/** What votes share that are not independent: the prompt, or with few prompts the prompt and the seed. */
export function clusterOf({ prompt, seed }: RatedImage, scope: ResamplingScope): string {
  return scope === 'seeds' ? `${prompt}/${seed}` : String(prompt)
}

/** Arm that an arm is compared with; null for a baseline. */
export function baselineOf(arm: string, { arms }: StudyRecord): string | null {
  return arms.find(({ name }) => name === arm)?.comparedWith ?? null
}

/** Corrects the p-values of several arms for being several. */
export function corrected(
  rows: readonly (Omit<MetricRow, 'difference'> & { difference: UncorrectedDifference | null })[],
): MetricRow[] {
  const adjusted = holm(rows.flatMap(({ difference }) => difference?.p ?? []))
  let next = 0
  return rows.map((row) => ({
    ...row,
    difference: row.difference && { ...row.difference, adjustedP: adjusted[next++] ?? 1 },
  }))
}

function compareArms(votes: readonly ArmVote[]): Comparison[] {
  const found = new Map<string, { -readonly [Field in keyof Comparison]: Comparison[Field] }>()
  for (const { first, second, verdict } of votes) {
    const key = JSON.stringify([first, second])
    const own = found.get(key) ?? { first, second, firstChosen: 0, secondChosen: 0, ties: 0, bothBad: 0 }
    if (verdict === 'first') own.firstChosen++
    else if (verdict === 'second') own.secondChosen++
    else if (verdict === 'tie') own.ties++
    else own.bothBad++
    found.set(key, own)
  }
  return [...found.values()]
}

/** What the arms' results are called and how they are to be read. */
export function describePairs(question: string): Pick<MetricRecord, 'label' | 'unit' | 'better' | 'description'> {
  return {
    label: 'how often people choose it',
    unit: 'share',
    better: 'higher',
    description: `Raters who did not know the arms were asked: “${question}” The value is how often an arm would be chosen over an average one of these where they are not equal, the difference by how many points above one half it is chosen over the baseline.`,
  }
}
