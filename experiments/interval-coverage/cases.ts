import {
  bootstrapMean,
  bradleyTerry,
  type Interval,
  krippendorffAlpha,
  type ResamplingScope,
} from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import {
  drawPreferences,
  drawRatings,
  type PreferenceOptions,
  type RatingOptions,
  trueAgreement,
} from './drawn-ratings.ts'

/** Draws of what would be measured, whose true value is known, and the interval that each leads to. */
export interface CoverageCase {
  readonly name: string
  readonly truth: number
  interval(round: number): Interval
}

/** Share of draws whose nominal 95 % interval holds the true value. */
export function coverageOf({ truth, interval }: CoverageCase, rounds: number): number {
  let covered = 0
  for (let round = 0; round < rounds; round++) {
    const { low, high } = interval(round)
    if (low <= truth && truth <= high) covered++
  }
  return covered / rounds
}

/** Every case that is simulated, by the method whose interval it is. */
export function coverageCases(): Readonly<Record<'means' | 'preferences' | 'agreement', readonly CoverageCase[]>> {
  return {
    means: [
      meanCase(
        'paired scores, 4 prompts of 8 seeds',
        'seeds',
        4,
        8,
        (random) => (prompt) => random.normal() + prompt - 1.5,
      ),
      meanCase(
        'skewed scores, 4 prompts of 16 seeds',
        'seeds',
        4,
        16,
        (random) => () => -Math.log(1 - random.unit()) - 1,
      ),
      meanCase('paired yes/no, 3 prompts of 16 seeds', 'seeds', 3, 16, pairedYesNo),
      meanCase('10 new prompts that differ little', 'prompts-and-seeds', 10, 6, (random) => nested(random, 0.1)),
      meanCase('10 new prompts that differ much', 'prompts-and-seeds', 10, 6, (random) => nested(random, 2)),
      meanCase('16 new prompts, yes/no', 'prompts-and-seeds', 16, 6, pairedYesNo),
    ],
    preferences: [
      preferenceCase({ prompts: 8, votesPerPair: 2, spread: 0 }),
      preferenceCase({ prompts: 8, votesPerPair: 4, spread: 0.5 }),
      preferenceCase({ prompts: 16, votesPerPair: 1, spread: 0 }),
      preferenceCase({ prompts: 16, votesPerPair: 2, spread: 1 }),
      preferenceCase({ prompts: 32, votesPerPair: 1, spread: 0.5 }),
    ],
    agreement: [
      agreementCase({ units: 20, raters: 2, insight: 0.7 }),
      agreementCase({ units: 30, raters: 3, insight: 0.8 }),
      agreementCase({ units: 60, raters: 2, insight: 0.5 }),
    ],
  }
}

type Draw = (random: RandomStream) => (prompt: number) => number

/** Differences whose true mean is 0. */
function meanCase(name: string, scope: ResamplingScope, prompts: number, seeds: number, make: Draw): CoverageCase {
  return {
    name,
    truth: 0,
    interval: (round) => {
      const draw = make(new RandomStream('coverage', round))
      const values = Array.from({ length: prompts }, (_, prompt) => Array.from({ length: seeds }, () => draw(prompt)))
      return bootstrapMean(values, { scope, seed: round, draws: 2000 })
    },
  }
}

/** The strength of one item over another; the true one is that of so many prompts that their luck hardly counts. */
function preferenceCase(options: PreferenceOptions): CoverageCase {
  const strengthOf = (random: RandomStream, drawn: PreferenceOptions) => {
    const { strengths } = bradleyTerry(drawPreferences(random, drawn), { reference: 'base' })
    const lora = strengths.find(({ item }) => item === 'lora')
    if (lora === undefined) throw new Error('the item was not compared')
    return lora
  }
  const { prompts, votesPerPair, spread } = options
  return {
    name: `strength, ${prompts} prompts, ${votesPerPair} votes a pair, spread ${spread}`,
    truth: strengthOf(new RandomStream('preference-truth'), { ...options, prompts: 10_000 }).strength,
    interval: (round) => strengthOf(new RandomStream('preferences', round), options),
  }
}

function agreementCase(options: RatingOptions): CoverageCase {
  const { units, raters, insight } = options
  return {
    name: `alpha, ${units} units, ${raters} raters, insight ${insight}`,
    truth: trueAgreement(insight),
    interval: (round) => {
      const drawn = drawRatings(new RandomStream('agreement', round), options)
      const estimate = krippendorffAlpha(drawn, { level: 'nominal', seed: round })
      if (estimate === null) throw new Error('raters said the same of every unit')
      return estimate
    },
  }
}

/** Differences of two yes/no outcomes with the same chance 0.6 (they share half of their luck). */
function pairedYesNo(random: RandomStream): () => number {
  const outcome = () => (random.chance(0.6) ? 1 : 0)
  return () => {
    const shared = outcome()
    return (random.chance(0.5) ? shared : outcome()) - (random.chance(0.5) ? shared : outcome())
  }
}

/** Scores whose prompts have their own mean, drawn anew each time. */
function nested(random: RandomStream, spread: number): (prompt: number) => number {
  const centres = new Map<number, number>()
  return (prompt) => {
    if (!centres.has(prompt)) centres.set(prompt, spread * random.normal())
    return (centres.get(prompt) as number) + random.normal()
  }
}
