import { z } from 'zod'
import type { BestOfStudy } from '../config/best.ts'
import { seed } from '../config/sampling.ts'
import { ConfigError } from '../errors/index.ts'
import type { Arm } from './expand-arms.ts'

/**
 * Successive halving (Jamieson and Talwalkar, 2016): arms that train are trained for a few steps and measured, the best of
 * them for more, and only those that are left are compared as the study says. Rounds draw other seeds than the study, so
 * that what is found in the end is not what the arms were chosen for.
 */
export const halvingDefinition = z.strictObject({
  /** Training steps of each round before the study itself; each more than the one before. */
  steps: z.array(z.int().min(1)).min(1),
  /** Share of the arms that go on after each round, on each base, rounded up. */
  keep: z.number().gt(0).lt(1).default(0.5),
  /** Place in `metrics` of the one that decides. */
  metric: z.int().min(0).default(0),
  /** Seeds that the rounds draw; none of them is one of the study's. */
  seeds: z.array(seed).min(1),
})
export type HalvingDefinition = z.output<typeof halvingDefinition>
export type HalvingInput = z.input<typeof halvingDefinition>

/** What of a study halving must fit. */
interface HalvedStudy {
  readonly halving: HalvingDefinition | null
  readonly seeds: readonly number[]
  readonly metrics: readonly unknown[]
  readonly budget: Readonly<Record<string, number | null>>
}

/** Refuses what halving could not do as it is written. Throws ConfigError (`unsuited-halving`). */
export function checkHalving({ halving, seeds, metrics, budget }: HalvedStudy, arms: readonly Arm[]): void {
  if (halving === null) return
  const steps = arms.flatMap(({ settings }) => settings.train?.steps ?? [])
  const warmUp = Math.max(...arms.map(({ settings }) => warmUpOf(settings.train?.schedule)))
  const choosing = Math.max(...arms.map(({ settings }) => leastStepsOf(settings.train?.best ?? null)))
  const [first, last] = [halving.steps[0] as number, halving.steps.at(-1) as number]
  const shared = halving.seeds.find((one) => seeds.includes(one))
  const problems: readonly (readonly [boolean, string])[] = [
    [halving.metric >= metrics.length, `metrics has no entry ${halving.metric}, which halving is to decide by`],
    [shared !== undefined, `seed ${shared} is one of the study's, so the study would judge what it was chosen for`],
    [new Set(halving.seeds).size < halving.seeds.length, 'a seed of halving is there twice'],
    [
      halving.steps.some((step, i) => step <= (halving.steps[i - 1] ?? 0)),
      'steps of halving must grow from round to round',
    ],
    [steps.length < 2, 'halving needs at least two arms that train'],
    [new Set(steps).size > 1, 'halving compares arms that train for equally many steps in the end'],
    [first <= warmUp, `a round of ${first} steps would end within the ${warmUp} steps of warm-up`],
    [first <= choosing, `a round of ${first} steps would end before \`best\` has something to choose from or to stop`],
    [steps.some((own) => last >= own), `a round of ${last} steps is no shorter than the trainings of the study`],
    [
      arms.some(({ settings }) => settings.seeds !== null),
      'halving has seeds of its own, so no arm can have some of the study’s',
    ],
    [
      Object.values(budget).some((limit) => limit !== null),
      'a budget would stop halving before it can choose; leave out one',
    ],
  ]
  const problem = problems.find(([wrong]) => wrong)
  if (problem === undefined) return
  throw new ConfigError({
    code: 'unsuited-halving',
    message: `${problem[1].replace(/^./, (letter) => letter.toUpperCase())}.`,
    facts: { halving },
  })
}
/** Steps beyond which a metric can choose among measurements, and its patience can run out. */
function leastStepsOf(best: BestOfStudy | null): number {
  return best === null ? 0 : best.every * (1 + (best.patience ?? 0))
}

function warmUpOf(schedule: NonNullable<Arm['settings']['train']>['schedule'] | undefined): number {
  return schedule !== undefined && 'warmupSteps' in schedule ? schedule.warmupSteps : 0
}
