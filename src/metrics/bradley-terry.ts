import { StatisticsError } from '../errors/index.ts'
import { requireAtLeast, requireShare, requireThat } from './check-input.ts'
import { studentQuantile } from './distributions.ts'
import { defaultConfidence, type Interval } from './interval.ts'
import { inverse, multiply } from './matrix.ts'
import {
  mostLikelyStrengths,
  outcomeChances,
  type PairTally,
  type Strengths,
  slope,
  slopeWithPrior,
} from './paired-comparison.ts'

/** What came of one comparison of two items. */
export interface PairedVote {
  readonly first: string
  readonly second: string
  readonly outcome: 'first' | 'second' | 'tie'
  /** What votes share that are not independent of each other, for example the prompt. */
  readonly cluster: string
}

export interface BradleyTerryOptions {
  /**
   * Wins and as many losses that every item is given against an opponent of strength 1, and ties and decisions between
   * equals, so that an item that always won keeps a finite strength. Default 0.5; near 0 for maximum likelihood.
   */
  readonly prior?: number
  /** Item whose strength is 0. Default: none, the mean of all items is 0. */
  readonly reference?: string
  /** Default 0.95. */
  readonly confidence?: number
}

/** Strength of an item with its interval. */
export interface StrengthEstimate extends Interval {
  readonly item: string
  /** The difference of two is the log-odds that the first is chosen where the two are not tied. */
  readonly strength: number
}

export interface BradleyTerryFit {
  /** The strongest first. */
  readonly strengths: readonly StrengthEstimate[]
  /** Chance that two items of equal strength are tied. */
  readonly tieChance: number
}

const method = 'bradleyTerry'

/**
 * Strengths of items from paired comparisons with ties: the model of Bradley and Terry (1952) with the ties of Davidson
 * (1970), in which a tie is as good as half a win for either side. The most likely strengths under a weak prior do not
 * depend on the order of the votes, as Elo ratings do.
 *
 * Intervals: cluster-robust variance by leaving out one cluster at a time, to first order (CR3; Bell and McCaffrey,
 * 2002), and Student's quantile with one degree of freedom less than there are clusters.
 *
 * Throws StatisticsError for fewer than two items or clusters (`too-few-values`), an item compared with itself, a prior,
 * confidence or reference that will not do (`value-out-of-range`), and items that no chain of comparisons joins
 * (`items-not-connected`).
 */
export function bradleyTerry(votes: readonly PairedVote[], options: BradleyTerryOptions = {}): BradleyTerryFit {
  const { prior = 0.5, reference, confidence = defaultConfidence } = options
  const items = [...new Set(votes.flatMap(({ first, second }) => [first, second]))].sort()
  requireThat(prior > 0 && prior < Number.POSITIVE_INFINITY, 'prior', prior, 'a finite number above 0', method)
  requireShare('confidence', confidence, method)
  requireAtLeast(2, items.length, 'items', method)
  requireThat(reference === undefined || items.includes(reference), 'reference', reference, 'a compared item', method)
  for (const { first, second } of votes) requireThat(first !== second, 'the second item', second, 'another one', method)
  const clusters = tallyClusters(votes, items)
  requireAtLeast(2, clusters.length, 'clusters', method)
  requireConnected(items, votes)

  const fitted = mostLikelyStrengths(items.length, clusters.flat(), prior)
  const influences = clusterInfluences(fitted, clusters, prior)
  const zero = reference === undefined ? null : items.indexOf(reference)
  const relative = (values: readonly number[], i: number): number =>
    (values[i] as number) - (zero === null ? meanOf(values.slice(0, items.length)) : (values[zero] as number))
  const reach = studentQuantile(0.5 + confidence / 2, clusters.length - 1)
  const strengths = items.map((item, i): StrengthEstimate => {
    const strength = relative(fitted.items, i)
    const error = jackknifeError(influences.map((influence) => relative(influence, i)))
    return {
      item,
      strength,
      low: strength - reach * error,
      high: strength + reach * error,
      confidence,
      method: `Bradley-Terry with ties, robust over ${clusters.length} clusters`,
    }
  })
  strengths.sort((a, b) => b.strength - a.strength)
  return { strengths, tieChance: outcomeChances(0, fitted.tie).tie }
}

/** What each cluster's votes move the parameters by, to first order: one row per cluster. */
function clusterInfluences(fitted: Strengths, clusters: readonly (readonly PairTally[])[], prior: number): number[][] {
  const whole = slopeWithPrior(fitted, clusters.flat(), prior).information
  return clusters.map((tallies) => {
    const own = slope(fitted, tallies)
    const others = whole.map((row, i) => row.map((value, j) => value - (own.information[i]?.[j] as number)))
    return multiply(
      inverse(others),
      own.gradient.map((value) => [value]),
    ).flat()
  })
}

function jackknifeError(influences: readonly number[]): number {
  const centre = meanOf(influences)
  const squares = influences.reduce((sum, value) => sum + (value - centre) ** 2, 0)
  return Math.sqrt(((influences.length - 1) / influences.length) * squares)
}

function tallyClusters(votes: readonly PairedVote[], items: readonly string[]): PairTally[][] {
  const index = new Map(items.map((item, i) => [item, i]))
  const clusters = new Map<string, Map<string, { -readonly [Field in keyof PairTally]: number }>>()
  for (const { first, second, outcome, cluster } of votes) {
    const swapped = first > second
    const [low, high] = (swapped ? [second, first] : [first, second]).map((item) => index.get(item) as number)
    const tallies = clusters.get(cluster) ?? new Map()
    const pair = `${low}/${high}`
    const own = tallies.get(pair) ?? { first: low, second: high, firstWins: 0, secondWins: 0, ties: 0 }
    if (outcome === 'tie') own.ties++
    else own[(outcome === 'first') === swapped ? 'secondWins' : 'firstWins']++
    clusters.set(cluster, tallies.set(pair, own))
  }
  return [...clusters.values()].map((tallies) => [...tallies.values()])
}

/** Refuses items of which some were never compared with the others, not even by way of third ones. */
function requireConnected(items: readonly string[], votes: readonly PairedVote[]): void {
  const groups = new Map(items.map((item) => [item, new Set([item])]))
  for (const { first, second } of votes) {
    const [group, other] = [groups.get(first), groups.get(second)]
    if (group === undefined || other === undefined || group === other) continue
    for (const item of other) groups.set(item, group.add(item))
  }
  const apart = [...new Set(groups.values())].map((group) => [...group].sort())
  if (apart.length === 1) return
  throw new StatisticsError({
    code: 'items-not-connected',
    message: `${method} cannot rank items that were never compared, not even by way of others: ${apart
      .map((group) => group.join(', '))
      .join(' | ')}. Compare some item of each group with one of another, or rank the groups apart.`,
    facts: { method, groups: apart },
  })
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
