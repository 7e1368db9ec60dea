import type { EffectRecord } from '../artefact/study-record.ts'
import type { ResamplingScope } from '../metrics/index.ts'
import type { Level } from './axis.ts'
import type { Effect, Layout } from './design.ts'
import { type ArmValues, contrastArms } from './paired-values.ts'
import type { PlannedArm, StudyPlan } from './plan.ts'

/** An effect before p-values are corrected. */
export type EffectRow = Omit<EffectRecord, 'change'> & {
  change: Omit<NonNullable<EffectRecord['change']>, 'adjustedP'> | null
}

/** Values of an arm on some seeds. */
export type ReadValues = (arm: PlannedArm, seeds: readonly number[]) => ArmValues

/**
 * Main effects and interactions of every arm that varies more than one setting, from contrasts taken within each prompt
 * and seed over all its variants (Box, Hunter and Hunter, 2005, chapter 5).
 */
export function estimateEffects(plan: StudyPlan, valuesOf: ReadValues, scope: ResamplingScope): EffectRow[] {
  return [...plan.designs].flatMap(([family, layout]) => {
    if (layout.axes.length < 2) return []
    const arms = plan.arms.filter((arm) => arm.family === family)
    // A base that is an axis itself is compared like any other setting.
    const places = layout.axes.some(({ name }) => name === 'base') ? [null] : plan.study.bases
    return places.flatMap((base) => {
      const here = arms.filter((arm) => base === null || arm.base === base)
      const name = base === null || plan.study.bases.length === 1 ? family : `${family} on ${base}`
      return effectsOf(name, here, layout, valuesOf, scope)
    })
  })
}

function effectsOf(
  family: string,
  arms: readonly PlannedArm[],
  layout: Layout,
  valuesOf: ReadValues,
  scope: ResamplingScope,
): EffectRow[] {
  const seeds = arms.reduce<readonly number[]>(
    (shared, arm) => shared.filter((seed) => arm.seeds.includes(seed)),
    arms[0]?.seeds ?? [],
  )
  const values = arms.map((arm) => valuesOf(arm, seeds))
  const complete = arms.length === layout.runs.length && values.every(({ size }) => size > 0)
  const shared = [...(values[0]?.keys() ?? [])].some((prompt) => values.every((arm) => arm.has(prompt)))
  const lacking =
    seeds.length === 0
      ? 'its variants share no seeds'
      : !complete
        ? 'some of its variants are missing'
        : shared
          ? null
          : 'its variants share no prompts'
  return layout.effects.flatMap((effect) =>
    contrastsOf(effect, layout).map(({ label, weightOf }) => {
      const weights = arms.map(({ levels }) => weightOf(levels))
      const change = lacking === null ? contrastArms(values, weights, scope) : null
      const aliases = effect.aliases.map((axes) => [...axes])
      const reason = change === null ? (lacking ?? 'it is the same in all pairs') : null
      return { family, axes: [...effect.axes], contrast: label, aliases, change, reason }
    }),
  )
}

interface Contrast {
  readonly label: string
  readonly weightOf: (levels: PlannedArm['levels']) => number
}

/** Each further value against the first, or of two settings at once: half the difference of two differences. */
function contrastsOf({ axes }: Effect, layout: Layout): Contrast[] {
  const [first, second] = axes.map((name) => layout.axes.find((axis) => axis.name === name))
  if (first === undefined) return []
  const share = (levels: readonly Level[]) => layout.runs.length / levels.length
  if (second !== undefined) {
    const sign = ({ name, levels }: typeof first, at: PlannedArm['levels']) => (at[name] === levels[1]?.label ? 1 : -1)
    return [
      {
        label: 'interaction',
        weightOf: (at) => (sign(first, at) * sign(second, at)) / share(first.levels),
      },
    ]
  }
  const [start, ...others] = first.levels
  return others.map((level) => ({
    label: `${level.label} against ${start?.label}`,
    weightOf: (at) => {
      const here = at[first.name]
      return here === level.label ? 1 / share(first.levels) : here === start?.label ? -1 / share(first.levels) : 0
    },
  }))
}
