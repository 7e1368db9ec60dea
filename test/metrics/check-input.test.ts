import { describe, expect, it } from 'vitest'
import { StatisticsError } from '../../src/errors/index.ts'
import {
  auc,
  bootstrapMean,
  clusterPermutationTest,
  countPairs,
  holm,
  kernelDistance,
  kernelDistanceInterval,
  kernelDistanceOverSubsets,
  mcnemarExact,
  mcnemarMidP,
  pairedDifferences,
  pairedEquivalence,
  pairedMeanPower,
  pairedPermutationTest,
  pairedProportionEquivalence,
  pairedProportionInterval,
  pairedProportionPower,
  pairsForMeanEffect,
  pairsForProportionDifference,
  smallestMeanEffect,
  smallestProportionDifference,
  wilsonInterval,
} from '../../src/metrics/index.ts'

const notANumber = Number.NaN
const endless = Number.POSITIVE_INFINITY
const seeds = { scope: 'seeds', seed: 1 } as const
const features = [[1], [2], [3]]

const noPairs = { both: 0, first: 0, second: 0, neither: 0 }

const refused: readonly (readonly [string, string, () => unknown])[] = [
  ['value-not-finite', 'a NaN difference', () => pairedPermutationTest([0.1, notANumber, -0.2], { seed: 1 })],
  ['value-not-finite', 'an infinite difference', () => pairedPermutationTest([endless], { seed: 1 })],
  ['too-few-values', 'no difference', () => pairedPermutationTest([], { seed: 1 })],
  ['too-few-values', 'a prompt without differences', () => clusterPermutationTest([[1], []], { seed: 1 })],
  ['too-few-values', 'no prompt', () => clusterPermutationTest([], { seed: 1 })],
  ['value-not-finite', 'a NaN in a prompt', () => clusterPermutationTest([[1, notANumber]], { seed: 1 })],
  ['value-out-of-range', 'no draws', () => pairedPermutationTest([1], { seed: 1, draws: 0 })],
  ['value-out-of-range', 'NaN successes', () => wilsonInterval(notANumber, 8)],
  ['value-out-of-range', 'more successes than trials', () => wilsonInterval(3, 2)],
  ['value-out-of-range', 'no trials', () => wilsonInterval(0, 0)],
  ['value-out-of-range', 'endless trials', () => wilsonInterval(1, endless)],
  ['value-out-of-range', 'a confidence of 1', () => wilsonInterval(1, 2, 1)],
  ['value-out-of-range', 'an outcome that is neither yes nor no', () => countPairs([1, 0.5], [0, 0])],
  ['value-out-of-range', 'a NaN outcome', () => countPairs([1], [notANumber])],
  ['unpaired-values', 'outcomes of one side only', () => countPairs([1], [])],
  ['value-out-of-range', 'a negative count', () => mcnemarExact(-1, 3)],
  ['value-out-of-range', 'a fractional count', () => mcnemarExact(1.5, 3)],
  ['value-out-of-range', 'an endless count', () => mcnemarMidP(endless, 3)],
  [
    'value-out-of-range',
    'a negative number of pairs',
    () => pairedProportionInterval({ both: 3, first: -1, second: 0, neither: 1 }),
  ],
  ['value-out-of-range', 'no pairs at all', () => pairedProportionInterval(noPairs)],
  ['value-out-of-range', 'a margin of 0', () => pairedEquivalence([1, 2], { margin: 0 })],
  ['value-out-of-range', 'a NaN margin', () => pairedEquivalence([1, 2], { margin: notANumber })],
  ['value-out-of-range', 'half a chance', () => pairedEquivalence([1, 2], { margin: 1, significance: 0.5 })],
  ['value-not-finite', 'NaN to be equivalent', () => pairedEquivalence([1, notANumber], { margin: 1 })],
  ['too-few-values', 'one difference', () => pairedEquivalence([1], { margin: 1 })],
  ['value-out-of-range', 'a margin of 1', () => pairedProportionEquivalence(noPairs, { margin: 1 })],
  ['too-few-values', 'no pairs to be equivalent', () => pairedProportionEquivalence(noPairs, { margin: 0.1 })],
  ['too-few-values', 'the power of one pair', () => pairedMeanPower(1, 1)],
  ['value-out-of-range', 'half a pair', () => pairedMeanPower(2.5, 1)],
  ['value-out-of-range', 'an endless effect', () => pairedMeanPower(8, endless)],
  ['value-out-of-range', 'no effect', () => pairsForMeanEffect(0)],
  ['value-out-of-range', 'an effect too small for any study', () => pairsForMeanEffect(1e-6)],
  ['value-out-of-range', 'a power of 1', () => smallestMeanEffect(8, { power: 1 })],
  ['value-out-of-range', 'a power below the significance', () => smallestMeanEffect(8, { power: 0.01 })],
  ['value-out-of-range', 'a difference of 2', () => pairedProportionPower(8, 2)],
  ['value-out-of-range', 'fewer pairs that differ', () => pairedProportionPower(8, 0.5, { differing: 0.4 })],
  ['value-out-of-range', 'no difference', () => pairsForProportionDifference(0)],
  ['value-out-of-range', 'more pairs than are summed', () => smallestProportionDifference(1e6)],
  ['value-out-of-range', 'a NaN p-value', () => holm([0.1, notANumber])],
  ['value-out-of-range', 'a p-value above 1', () => holm([1.1])],
  ['value-out-of-range', 'a p-value below 0', () => holm([-0.1])],
  ['value-not-finite', 'a NaN value', () => bootstrapMean([[1, notANumber, 2]], seeds)],
  ['value-out-of-range', 'a confidence of 95', () => bootstrapMean([[1, 2]], { ...seeds, confidence: 95 })],
  ['value-out-of-range', 'too few draws', () => bootstrapMean([[1, 2]], { ...seeds, draws: 100 })],
  ['value-out-of-range', 'fractional draws', () => bootstrapMean([[1, 2]], { ...seeds, draws: 2000.5 })],
  ['too-few-values', 'a prompt without values', () => bootstrapMean([[1], []], seeds)],
  ['too-few-values', 'no prompts', () => bootstrapMean([], seeds)],
  ['too-few-values', 'a single unit', () => bootstrapMean([[1]], seeds)],
  ['too-few-values', 'one prompt', () => bootstrapMean([[1, 2]], { ...seeds, scope: 'prompts-and-seeds' })],
  ['unpaired-values', 'other seeds', () => pairedDifferences([[3, 2]], [[1]])],
  ['unpaired-values', 'other prompts', () => pairedDifferences([[3, 2]], [])],
  ['too-few-values', 'no negatives', () => auc([1], [])],
  ['value-not-finite', 'a NaN score', () => auc([1], [notANumber])],
  ['value-out-of-range', 'a confidence of 0', () => auc([1], [0], 0)],
  ['too-few-values', 'two images', () => kernelDistance(features.slice(1), features.slice(1))],
  ['unpaired-values', 'unequal numbers of images', () => kernelDistance(features, [...features, [4]])],
  ['unpaired-values', 'features of two widths', () => kernelDistance(features, [[1], [2, 3], [4]])],
  ['value-not-finite', 'NaN features', () => kernelDistance(features, [[1], [notANumber], [4]])],
  [
    'too-few-values',
    'subsets larger than the sets',
    () => kernelDistanceOverSubsets(features, features, { subsets: 2, size: 4, seed: 1 }),
  ],
  ['value-out-of-range', 'a NaN confidence', () => kernelDistanceInterval(features, features, notANumber)],
]

describe('statistics refuse', () => {
  it.each(refused)('with %s: %s', (code, _what, call) => {
    const error = thrown(call)
    expect(error).toBeInstanceOf(StatisticsError)
    expect(error).toMatchObject({ code, facts: { method: expect.any(String) } })
  })
})

function thrown(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}
