import { requireAtLeast, requireShare, requireThat } from './check-input.ts'
import { binomialCdf, bisect, studentQuantile } from './distributions.ts'
import { mcnemarExact } from './hypothesis-tests.ts'
import { noncentralStudentCdf } from './noncentral-student.ts'

export interface PowerOptions {
  /** Level of the two-sided test. Default 0.05; divide it by the number of comparisons to allow for Holm's correction. */
  readonly significance?: number
  /** Chance of seeing a difference that is there. Default 0.8. */
  readonly power?: number
}

export interface ProportionPowerOptions extends PowerOptions {
  /**
   * Share of pairs on which the two sides differ. By default that of two independent outcomes about one half,
   * (1 + difference²) / 2, which is the most that two sides which do not oppose each other can differ.
   */
  readonly differing?: number
}

/** Most pairs that a sample size is sought among. */
const mostPairs = 1_000_000
/** Most pairs for which the exact test of proportions is summed. */
const mostExactPairs = 20_000

/**
 * Power of the two-sided paired t test, which permutation of signs approaches; `effect` is the mean difference divided
 * by the standard deviation of the differences. Equal to `statsmodels.stats.power.TTestPower`.
 */
export function pairedMeanPower(pairs: number, effect: number, significance = 0.05): number {
  requirePairs(pairs, mostPairs, 'pairedMeanPower')
  requireThat(Number.isFinite(effect), 'effect', effect, 'a finite number', 'pairedMeanPower')
  requireShare('significance', significance, 'pairedMeanPower')
  const degrees = pairs - 1
  const limit = studentQuantile(1 - significance / 2, degrees)
  const shift = Math.abs(effect) * Math.sqrt(pairs)
  return noncentralStudentCdf(-limit, degrees, shift) + noncentralStudentCdf(-limit, degrees, -shift)
}

/** Smallest effect (in standard deviations of the differences) that {@link pairedMeanPower} finds with the power. */
export function smallestMeanEffect(pairs: number, options: PowerOptions = {}): number {
  const { significance, power } = requireOptions(options, 'smallestMeanEffect')
  requirePairs(pairs, mostPairs, 'smallestMeanEffect')
  let high = 1
  while (pairedMeanPower(pairs, high, significance) < power) high *= 2
  return bisect((effect) => pairedMeanPower(pairs, effect, significance) - power, 0, high)
}

/** Fewest pairs with which {@link pairedMeanPower} finds the effect with the power. */
export function pairsForMeanEffect(effect: number, options: PowerOptions = {}): number {
  const { significance, power } = requireOptions(options, 'pairsForMeanEffect')
  requireThat(Number.isFinite(effect) && effect !== 0, 'effect', effect, 'finite and not 0', 'pairsForMeanEffect')
  return fewestPairs((pairs) => pairedMeanPower(pairs, effect, significance) >= power, mostPairs, 'pairsForMeanEffect')
}

/**
 * Power of McNemar's exact test for a difference of two proportions seen on the same pairs, summed over how many pairs
 * differ and how they fall. Of the pairs, `differing` differ, and `(differing + difference) / 2` fall one way.
 */
export function pairedProportionPower(
  pairs: number,
  difference: number,
  { differing, significance }: Omit<ProportionPowerOptions, 'power'> = {},
): number {
  const method = 'pairedProportionPower'
  const checked = requireOptions(significance === undefined ? {} : { significance }, method)
  requirePairs(pairs, mostExactPairs, method)
  requireDifference(difference, differing, method)
  return exactPower(pairs, difference, differing ?? independentShare(difference), checked.significance)
}

/**
 * Smallest difference of two paired proportions that {@link pairedProportionPower} finds with the power, or null when
 * even the largest (`differing`, else 1) is missed: then there are too few pairs.
 */
export function smallestProportionDifference(pairs: number, options: ProportionPowerOptions = {}): number | null {
  const method = 'smallestProportionDifference'
  const { significance, power } = requireOptions(options, method)
  requirePairs(pairs, mostExactPairs, method)
  const largest = options.differing ?? 1
  requireDifference(largest, options.differing, method)
  const reached = (difference: number) =>
    exactPower(pairs, difference, options.differing ?? independentShare(difference), significance) - power
  return reached(largest) < 0 ? null : bisectShare(reached, largest)
}

/** Fewest pairs with which {@link pairedProportionPower} finds the difference with the power, and with any more pairs. */
export function pairsForProportionDifference(difference: number, options: ProportionPowerOptions = {}): number {
  const method = 'pairsForProportionDifference'
  const { significance, power } = requireOptions(options, method)
  requireDifference(difference, options.differing, method)
  requireThat(difference !== 0, 'difference', difference, 'other than 0', method)
  const differing = options.differing ?? independentShare(difference)
  const reached = (pairs: number) => exactPower(pairs, difference, differing, significance) >= power
  let pairs = fewestPairs(reached, mostExactPairs, method)
  // The exact test's power falls a little now and then as pairs are added: stay above its last dip.
  for (let larger = pairs + 1; larger <= Math.min(mostExactPairs, pairs + 12); larger++) {
    if (!reached(larger)) pairs = larger + 1
  }
  return pairs
}

function exactPower(pairs: number, difference: number, differing: number, significance: number): number {
  if (differing === 0) return 0
  const oneWay = Math.min(1, (1 + Math.abs(difference) / differing) / 2)
  let power = 0
  const spread = 12 * Math.sqrt(pairs * differing * (1 - differing)) + 12
  const last = Math.min(pairs, Math.ceil(pairs * differing + spread))
  for (let count = Math.max(1, Math.floor(pairs * differing - spread)); count <= last; count++) {
    const chance = binomialCdf(count, pairs, differing) - binomialCdf(count - 1, pairs, differing)
    const limit = rejectionLimit(count, significance)
    if (limit < 0) continue
    power += chance * (binomialCdf(limit, count, oneWay) + binomialCdf(limit, count, 1 - oneWay))
  }
  return power
}

/** Largest count of the rarer side at which McNemar's exact test of `count` differing pairs rejects; -1 for none. */
function rejectionLimit(count: number, significance: number): number {
  let [low, high] = [-1, Math.floor((count - 1) / 2)]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (mcnemarExact(middle, count - middle) <= significance) low = middle
    else high = middle - 1
  }
  return low
}

function independentShare(difference: number): number {
  return (1 + difference ** 2) / 2
}

/** A share is stated to four digits at most; twenty halvings give six. */
function bisectShare(rising: (share: number) => number, high: number): number {
  let [left, right] = [0, high]
  for (let i = 0; i < 20; i++) {
    const middle = (left + right) / 2
    if (rising(middle) < 0) left = middle
    else right = middle
  }
  return right
}

function fewestPairs(reached: (pairs: number) => boolean, most: number, method: string): number {
  let high = 2
  while (high < most && !reached(high)) high = Math.min(most, high * 2)
  requireThat(reached(high), 'the difference', 'one that is smaller', `visible with ${most} pairs`, method)
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (reached(middle)) high = middle
    else low = middle
  }
  return high
}

function requirePairs(pairs: number, most: number, method: string): void {
  requireAtLeast(2, pairs, 'pairs', method)
  requireThat(Number.isSafeInteger(pairs) && pairs <= most, 'pairs', pairs, `a whole number to ${most}`, method)
}

function requireDifference(difference: number, differing: number | undefined, method: string): void {
  requireThat(Math.abs(difference) <= 1, 'difference', difference, 'from -1 to 1', method)
  if (differing === undefined) return
  const most = Math.abs(difference)
  requireThat(differing >= most && differing <= 1, 'differing', differing, `from the difference, ${most}, to 1`, method)
}

function requireOptions({ significance = 0.05, power = 0.8 }: PowerOptions, method: string): Required<PowerOptions> {
  requireShare('significance', significance, method)
  requireShare('power', power, method)
  requireThat(power > significance, 'power', power, `above the significance, ${significance}`, method)
  return { significance, power }
}
