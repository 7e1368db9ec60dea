import { z } from 'zod'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { type AxisDefinition, type Level, levelsOf } from './axis.ts'
import { chooseFraction, type Fraction, isHigh, mostFactors, type Pair } from './fraction.ts'

const fractionDesign = z.strictObject({
  type: z.literal('fraction'),
  /** Combinations that are run, a power of two; null takes the fewest that tell apart what `interactions` says. */
  runs: z
    .int()
    .min(2)
    .max(2 ** mostFactors)
    .refine((runs) => Number.isInteger(Math.log2(runs)), 'must be a power of two')
    .nullable()
    .default(null),
  /** Pairs of settings whose interaction must be told apart from all settings and from one another. */
  interactions: z.union([z.enum(['all', 'none']), z.array(z.tuple([z.string(), z.string()]))]).default('all'),
})

/** Which combinations of the values of several axes are run. */
export const designDefinition = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('full') }),
  fractionDesign,
])
export type DesignDefinition = z.output<typeof designDefinition>
export type DesignInput = z.input<typeof designDefinition>

/**
 * Runs a fraction of all combinations of axes with two values each, chosen so that every setting, and the interactions
 * that are asked for, can be estimated; what it cannot tell apart is said in plan and report.
 */
export function fraction(options: Omit<z.input<typeof fractionDesign>, 'type'> = {}): DesignInput {
  return { type: 'fraction', ...options }
}

/** A setting, or an interaction of two, whose effect can be estimated. */
export interface Effect {
  readonly axes: readonly string[]
  /** Other effects of at most two settings that it cannot be told apart from. */
  readonly aliases: readonly (readonly string[])[]
}

/** A design laid out: what is run and what can be learned from it. */
export interface Layout {
  readonly axes: readonly { readonly name: string; readonly levels: readonly Level[] }[]
  /** The level of each axis, run by run. */
  readonly runs: readonly (readonly Level[])[]
  /** All combinations there are. */
  readonly combinations: number
  readonly resolution: number | null
  readonly effects: readonly Effect[]
}

/** Lays out the axes of an arm. Throws ConfigError (`unsuited-axis`, `unknown-axis`, `fraction-too-small`). */
export function layOut(arm: string, over: Readonly<Record<string, AxisDefinition>>, design: DesignDefinition): Layout {
  const axes = Object.entries(over).map(([name, axis]) => ({ name, levels: levelsOf(axis) }))
  const combinations = axes.reduce((product, { levels }) => product * levels.length, 1)
  if (design.type === 'fraction') return layOutFraction(arm, axes, combinations, design)
  const runs = axes.reduce<readonly (readonly Level[])[]>(
    (rows, { levels }) => rows.flatMap((row) => levels.map((level) => [...row, level])),
    [[]],
  )
  const varied = axes.filter(({ levels }) => levels.length > 1)
  const paired = pairsOf(varied.length).map(([a, b]) => [varied[a], varied[b]].flatMap((axis) => axis ?? []))
  const effects = [
    ...varied.map(({ name }) => [name]),
    ...paired
      .filter((pair) => pair.every(({ levels }) => levels.length === 2))
      .map((pair) => pair.map(({ name }) => name)),
  ].map((names) => ({ axes: names, aliases: [] }))
  return { axes, runs, combinations, resolution: null, effects }
}

function layOutFraction(
  arm: string,
  axes: Layout['axes'],
  combinations: number,
  { runs, interactions }: DesignDefinition & { type: 'fraction' },
): Layout {
  const unsuited = axes.find(({ levels }) => levels.length !== 2)
  if (unsuited !== undefined || axes.length < 2 || axes.length > mostFactors) {
    throw new ConfigError({
      code: 'unsuited-axis',
      message: `Arm "${arm}" is a fraction, which takes 2 to ${mostFactors} axes of two values each${
        unsuited === undefined ? `; it has ${axes.length}` : `; "${unsuited.name}" has ${unsuited.levels.length}`
      }. Leave out the design to run all combinations.`,
      facts: { arm, axes: axes.map(({ name, levels }) => ({ name, levels: levels.length })) },
    })
  }
  if (runs !== null && runs > combinations) {
    throw new ConfigError({
      code: 'unsuited-runs',
      message: `Arm "${arm}" asks for ${runs} runs, but there are ${combinations} combinations. Leave out the design to run them all.`,
      facts: { arm, runs, combinations },
    })
  }
  const names = axes.map(({ name }) => name)
  const wanted = wantedPairs(arm, names, interactions)
  const chosen = chooseFraction(axes.length, wanted, runs)
  return {
    axes,
    runs: Array.from({ length: chosen.runs }, (_, run) =>
      axes.map(({ levels }, factor) => levels[isHigh(chosen, factor, run) ? 1 : 0] as Level),
    ),
    combinations,
    resolution: chosen.resolution,
    effects: [...names.map((_, i) => [i]), ...wanted].map((effect) => describeEffect(effect, names, chosen)),
  }
}

function wantedPairs(arm: string, names: readonly string[], interactions: 'all' | 'none' | [string, string][]): Pair[] {
  if (interactions === 'none') return []
  if (interactions === 'all') return pairsOf(names.length)
  const pairs = interactions.map((pair) => {
    for (const name of pair) {
      if (names.includes(name) && pair[0] !== pair[1]) continue
      const nearest = nearestName(name, names)
      throw new ConfigError({
        code: 'unknown-axis',
        message: `Arm "${arm}" asks for the interaction of ${pair.join(' and ')}, which are not two settings that it varies.${nearest === undefined || nearest === name ? '' : ` Did you mean "${nearest}"?`}`,
        facts: { arm, axes: names, interaction: pair },
      })
    }
    return ascending([names.indexOf(pair[0]), names.indexOf(pair[1])])
  })
  return [...new Map(pairs.map((pair) => [pair.join(), pair])).values()]
}

function ascending([a, b]: Pair): Pair {
  return a < b ? [a, b] : [b, a]
}

function describeEffect(effect: readonly number[], names: readonly string[], { columns }: Fraction): Effect {
  const columnOf = (factors: readonly number[]) => factors.reduce((sum, factor) => sum ^ (columns[factor] ?? 0), 0)
  const nameOf = (factors: readonly number[]) => factors.map((factor) => names[factor] ?? '')
  const others = [...names.map((_, i) => [i]), ...pairsOf(names.length)].filter(
    (other) => other.join() !== effect.join() && columnOf(other) === columnOf(effect),
  )
  return { axes: nameOf(effect), aliases: others.map(nameOf) }
}

function pairsOf(count: number): Pair[] {
  return Array.from({ length: count }, (_, i) => i).flatMap((a) =>
    Array.from({ length: count - a - 1 }, (_, i): Pair => [a, a + 1 + i]),
  )
}
