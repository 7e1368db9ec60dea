import { inverse, multiply } from './matrix.ts'

/** How often two items were compared and what came of it. */
export interface PairTally {
  /** Indices of the items. */
  readonly first: number
  readonly second: number
  readonly firstWins: number
  readonly secondWins: number
  readonly ties: number
}

/** Strengths of items and how easily two of them are tied, all as natural logarithms. */
export interface Strengths {
  readonly items: readonly number[]
  readonly tie: number
}

/** Derivatives of a log-likelihood: one entry per item, then one for ties. */
export interface Slope {
  readonly gradient: readonly number[]
  /** Negative second derivatives. */
  readonly information: readonly (readonly number[])[]
}

/** Chances of the three outcomes between strengths that lie `difference` apart (Davidson, 1970, equation 2.4). */
export function outcomeChances(difference: number, tie: number): { first: number; second: number; tie: number } {
  const [first, second, tied] = [Math.exp(difference / 2), Math.exp(-difference / 2), Math.exp(tie)]
  const total = first + second + tied
  return { first: first / total, second: second / total, tie: tied / total }
}

/**
 * Strengths that make the tallies most likely, with `prior` wins and as many losses of every item against an opponent
 * of strength 1 added, and as many ties and decisions between equals. Newton's method on a strictly concave function,
 * its steps halved where they lead down.
 */
export function mostLikelyStrengths(count: number, tallies: readonly PairTally[], prior: number): Strengths {
  let strengths: Strengths = { items: new Array<number>(count).fill(0), tie: 0 }
  let height = logLikelihood(strengths, tallies, prior)
  for (let round = 0; round < mostRounds; round++) {
    const { gradient, information } = slopeWithPrior(strengths, tallies, prior)
    const steps = multiply(
      inverse(information),
      gradient.map((value) => [value]),
    ).flat()
    for (let share = 1; ; share /= 2) {
      const next = moved(strengths, steps, share)
      const reached = logLikelihood(next, tallies, prior)
      // Near the top a step is as good as none but for rounding.
      if (reached < height - 1e-12 * Math.abs(height) && share > 1e-9) continue
      strengths = next
      height = reached
      break
    }
    if (steps.every((step) => Math.abs(step) < 1e-11)) break
  }
  return strengths
}

/** Gradient and information of the tallies and the prior at some strengths. */
export function slopeWithPrior(strengths: Strengths, tallies: readonly PairTally[], prior: number): Slope {
  const { gradient, information } = slope(strengths, tallies)
  const chances = [...strengths.items.map(logistic), outcomeChances(0, strengths.tie).tie]
  return {
    gradient: gradient.map((value, i) => value + prior * (1 - 2 * (chances[i] as number))),
    information: information.map((row, i) => {
      const chance = chances[i] as number
      return row.map((value, j) => (i === j ? value + 2 * prior * chance * (1 - chance) : value))
    }),
  }
}

/** Gradient and information of the tallies alone. */
export function slope({ items, tie }: Strengths, tallies: readonly PairTally[]): Slope {
  const last = items.length
  const gradient = new Float64Array(last + 1)
  const information = Array.from({ length: last + 1 }, () => new Float64Array(last + 1))
  const addGradient = (i: number, value: number): void => {
    gradient[i] = (gradient[i] as number) + value
  }
  const addInformation = (i: number, j: number, value: number): void => {
    const row = information[i] as Float64Array
    row[j] = (row[j] as number) + value
  }
  for (const { first, second, firstWins, secondWins, ties } of tallies) {
    const votes = firstWins + secondWins + ties
    const chance = outcomeChances((items[first] as number) - (items[second] as number), tie)
    const lead = (chance.first - chance.second) / 2
    const spread = (chance.first + chance.second) / 4 - lead ** 2
    const sides = [[first, 1] as const, [second, -1] as const]
    for (const [item, sign] of sides) {
      addGradient(item, sign * ((firstWins - secondWins) / 2 - votes * lead))
      for (const [other, otherSign] of sides) addInformation(item, other, sign * otherSign * votes * spread)
      addInformation(item, last, -sign * votes * lead * chance.tie)
      addInformation(last, item, -sign * votes * lead * chance.tie)
    }
    addGradient(last, ties - votes * chance.tie)
    addInformation(last, last, votes * chance.tie * (1 - chance.tie))
  }
  return { gradient: [...gradient], information: information.map((row) => [...row]) }
}

const mostRounds = 100

function logLikelihood({ items, tie }: Strengths, tallies: readonly PairTally[], prior: number): number {
  let total = 0
  for (const { first, second, firstWins, secondWins, ties } of tallies) {
    const chance = outcomeChances((items[first] as number) - (items[second] as number), tie)
    total += firstWins * Math.log(chance.first) + secondWins * Math.log(chance.second) + ties * Math.log(chance.tie)
  }
  for (const chance of [...items.map(logistic), outcomeChances(0, tie).tie]) {
    total += prior * Math.log(chance * (1 - chance))
  }
  return total
}

function logistic(strength: number): number {
  return 1 / (1 + Math.exp(-strength))
}

function moved({ items, tie }: Strengths, steps: readonly number[], share: number): Strengths {
  return {
    items: items.map((value, i) => value + share * (steps[i] as number)),
    tie: tie + share * (steps[items.length] as number),
  }
}
