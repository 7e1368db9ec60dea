import type { MetricRow } from '../artefact/study-record.ts'
import {
  bootstrapMean,
  type ClusteredValues,
  clusteredMean,
  clusterPermutationTest,
  countPairs,
  type Interval,
  mcnemarExact,
  type PairedCounts,
  pairedDifferences,
  pairedPermutationTest,
  pairedProportionInterval,
  type ResamplingScope,
  wilsonInterval,
} from '../metrics/index.ts'

/** One value per seed, by prompt index; a prompt whose cell failed is missing as a whole. */
export type ArmValues = ReadonlyMap<number, readonly number[]>

export interface StatisticsOptions {
  /** Whether values are yes (1) or no (0). */
  readonly yesNo: boolean
  readonly scope: ResamplingScope
}

type Estimate = NonNullable<MetricRow['estimate']>
type Difference = Omit<NonNullable<MetricRow['difference']>, 'adjustedP'>

/** Of bootstrap and permutation draws: the same study gives the same report. */
const drawSeed = 1

/** Mean of an arm's values with its interval: Wilson for shares of fixed prompts, else the bootstrap. */
export function estimateArm(values: ArmValues, { yesNo, scope }: StatisticsOptions): Estimate | null {
  const rows = [...values.values()]
  const all = rows.flat()
  if (all.length === 0) return null
  const value = clusteredMean(rows)
  const fewPrompts = scope === 'seeds' || rows.length < 2
  if (yesNo && (fewPrompts || isConstant(all))) {
    const trials = fewPrompts ? all.length : rows.length
    return describe(value, wilsonInterval(value * trials, trials))
  }
  return all.length < 2 ? null : describe(value, bootstrap(rows, scope))
}

/** Paired change of an arm against the baseline on the prompts that both have; null when those are too few. */
export function compareArms(arm: ArmValues, baseline: ArmValues, options: StatisticsOptions): Difference | null {
  const shared = [...arm.keys()].filter((prompt) => baseline.has(prompt))
  const first = shared.map((prompt) => arm.get(prompt) ?? [])
  const second = shared.map((prompt) => baseline.get(prompt) ?? [])
  if (first.flat().length < 2) return null
  const differences = pairedDifferences(first, second)
  const value = clusteredMean(differences)
  const pairs = options.yesNo ? countPairs(first.flat(), second.flat()) : null
  const calm = pairs !== null && isConstant(differences.flat())
  const interval = calm ? pairedProportionInterval(pairs) : bootstrap(differences, options.scope)
  return { ...describe(value, interval), ...testDifferences(differences, pairs, options.scope) }
}

/**
 * Weighted sum of several arms within each prompt and seed that all have; null when these are too few, or all sums are
 * equal, which leaves nothing to resample. Weights add up to 0.
 */
export function contrastArms(
  arms: readonly ArmValues[],
  weights: readonly number[],
  scope: ResamplingScope,
): Difference | null {
  const shared = [...(arms[0]?.keys() ?? [])].filter((prompt) => arms.every((arm) => arm.has(prompt)))
  const sums = shared.map((prompt) =>
    (arms[0]?.get(prompt) ?? []).map((_, i) =>
      arms.reduce((sum, arm, j) => sum + (weights[j] ?? 0) * (arm.get(prompt)?.[i] ?? 0), 0),
    ),
  )
  if (sums.flat().length < 2 || isConstant(sums.flat())) return null
  return { ...describe(clusteredMean(sums), bootstrap(sums, scope)), ...testDifferences(sums, null, scope) }
}

function testDifferences(
  differences: ClusteredValues,
  pairs: PairedCounts | null,
  scope: ResamplingScope,
): { test: string; p: number } {
  if (scope === 'prompts-and-seeds' && differences.length > 1) {
    return { test: 'paired permutation of prompts', p: clusterPermutationTest(differences, { seed: drawSeed }) }
  }
  if (pairs !== null) return { test: 'McNemar exact', p: mcnemarExact(pairs.first, pairs.second) }
  return { test: 'paired permutation', p: pairedPermutationTest(differences.flat(), { seed: drawSeed }) }
}

function bootstrap(rows: ClusteredValues, scope: ResamplingScope): Interval {
  return bootstrapMean(rows, { scope: rows.length < 2 ? 'seeds' : scope, seed: drawSeed })
}

function describe(value: number, { low, high, method }: Interval): Estimate {
  return { value, low, high, method }
}

function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === values[0])
}
