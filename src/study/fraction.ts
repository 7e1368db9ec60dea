import { ConfigError } from '../errors/index.ts'

/** A pair of factors, by their places in a list. */
export type Pair = readonly [number, number]

/**
 * A regular fraction of all combinations of two-level factors (Box, Hunter and Hunter, 2005, chapter 6). Run r has
 * factor f at its second level when `columns[f] & r` has an odd number of bits, and an interaction's column is the
 * exclusive or of those of its factors, so two effects of one column cannot be told apart.
 */
export interface Fraction {
  readonly columns: readonly number[]
  readonly runs: number
  /** Fewest factors whose interaction looks like the mean; null for all combinations. */
  readonly resolution: number | null
}

/** Most factors that a fraction is sought for. */
export const mostFactors = 11
/** Columns that are tried for one size and resolution before there is taken to be none. */
const mostTries = 50_000

/**
 * The fraction of highest resolution with so many runs in which each factor and each of the interactions has a column
 * of its own. With `runs` null, the smallest that has one. Throws ConfigError (`fraction-too-small`) when there is none.
 */
export function chooseFraction(factors: number, interactions: readonly Pair[], runs: number | null): Fraction {
  for (const size of runs === null ? powers(factors) : [runs]) {
    const fraction = fractionOfSize(factors, interactions, size)
    if (fraction !== null) return fraction
  }
  const { runs: needed } = chooseFraction(factors, interactions, null)
  throw new ConfigError({
    code: 'fraction-too-small',
    message: `With ${runs} runs, ${factors} settings and ${interactions.length} interactions cannot be told apart; ${needed} runs can. Give runs: ${needed}, or ask for fewer interactions.`,
    facts: { factors, interactions: interactions.length, runs, needed },
  })
}

/** True when a factor is at its second level in a run. */
export function isHigh({ columns }: Fraction, factor: number, run: number): boolean {
  return bitCount((columns[factor] ?? 0) & run) % 2 === 1
}

function* powers(factors: number): Generator<number> {
  for (let size = 2; size <= 2 ** factors; size *= 2) yield size
}

function fractionOfSize(factors: number, interactions: readonly Pair[], runs: number): Fraction | null {
  if (runs === 2 ** factors)
    return { columns: Array.from({ length: factors }, (_, i) => 1 << i), runs, resolution: null }
  const rank = Math.log2(runs)
  for (let resolution = rank + 1; resolution >= 3; resolution--) {
    const columns = placeFactors({ factors, interactions, rank, resolution })
    if (columns !== null) return { columns, runs, resolution: shortestWord(columns) }
  }
  return null
}

interface Search {
  readonly factors: number
  readonly interactions: readonly Pair[]
  /** Binary logarithm of the runs. */
  readonly rank: number
  readonly resolution: number
}

/**
 * Columns of all factors, or null. A factor takes the next unit vector or a vector in the span of those before it, so
 * that no two choices differ only by names of the runs.
 */
function placeFactors({ factors, interactions, rank, resolution }: Search): number[] | null {
  let tries = 0
  return place([], 0, new Map([[0, 0]]))

  /** `shortest`: fewest factors placed so far whose columns make up a vector. */
  function place(columns: readonly number[], units: number, shortest: ReadonlyMap<number, number>): number[] | null {
    if (columns.length === factors) return units === rank ? [...columns] : null
    if (factors - columns.length < rank - units || tries > mostTries) return null
    const fresh = units < rank ? [1 << units] : []
    const spanned = Array.from({ length: (1 << units) - 1 }, (_, i) => i + 1)
    for (const column of [...fresh, ...spanned]) {
      if ((shortest.get(column) ?? Number.POSITIVE_INFINITY) + 1 < resolution) continue
      const next = [...columns, column]
      tries++
      if (!areDistinct(next, interactions)) continue
      const reached = new Map(shortest)
      for (const [vector, count] of shortest) {
        const sum = vector ^ column
        reached.set(sum, Math.min(count + 1, reached.get(sum) ?? Number.POSITIVE_INFINITY))
      }
      const placed = place(next, Math.max(units, column === 1 << units ? units + 1 : 0), reached)
      if (placed !== null) return placed
    }
    return null
  }
}

/** True when the effects among the factors placed so far can all be told apart. */
function areDistinct(columns: readonly number[], interactions: readonly Pair[]): boolean {
  const pairs = interactions.flatMap(([a, b]) => {
    const [first, second] = [columns[a], columns[b]]
    return first === undefined || second === undefined ? [] : [first ^ second]
  })
  const effects = [...columns, ...pairs]
  return new Set(effects).size === effects.length && !effects.includes(0)
}

function shortestWord(columns: readonly number[]): number {
  let shortest = Number.POSITIVE_INFINITY
  for (let word = 1; word < 1 << columns.length; word++) {
    const sum = columns.reduce((total, column, i) => (word & (1 << i) ? total ^ column : total), 0)
    if (sum === 0) shortest = Math.min(shortest, bitCount(word))
  }
  return shortest
}

function bitCount(bits: number): number {
  let count = 0
  for (let left = bits; left !== 0; left &= left - 1) count++
  return count
}
