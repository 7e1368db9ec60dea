import type { MetricRecord } from '../artefact/study-record.ts'
import { isDistance, isYesNo, type ValueMetric } from '../config/metric.ts'
import { holm, scopeOf } from '../metrics/index.ts'
import { baselineOf } from './baseline.ts'
import { describeMetric } from './describe-metric.ts'
import { type EffectRow, estimateEffects } from './effects.ts'
import { measureDistances } from './measure-distances.ts'
import { type MeasuredRow, reasonOf } from './measured-row.ts'
import { type ArmValues, compareArms, estimateArm } from './paired-values.ts'
import { pictureValues } from './picture-values.ts'
import { type PlannedArm, promptsOf, type StudyPlan } from './plan.ts'
import type { Seen } from './seen.ts'

/** Takes every metric of a study from what was seen in its images. */
export function measureStudy(plan: StudyPlan, seen: Seen): MetricRecord[] {
  return plan.study.metrics.map((metric, index) => {
    const prompts = promptsOf(metric, plan.study)
    const scope = scopeOf(prompts.length)
    const rows = isDistance(metric)
      ? measureDistances(metric, prompts, plan.references.get(index) ?? '', plan, seen)
      : measureValues({ metric, prompts, plan, seen })
    const effects = isDistance(metric)
      ? []
      : estimateEffects(plan, (arm, seeds) => valuesOf(arm, seeds, { metric, prompts, plan, seen }), scope)
    return {
      id: `${metric.type}-${index}`,
      ...describeMetric(metric, plan),
      prompts,
      scope,
      rows: correct(rows, (row) => row.difference).map(([row, difference]) => ({ ...row, difference })),
      effects: correctByFamily(effects),
    }
  })
}

interface ValueSource {
  readonly metric: ValueMetric
  readonly prompts: readonly number[]
  readonly plan: StudyPlan
  readonly seen: Seen
}

/** Values of an arm on some of its seeds, in their order. */
function valuesOf(arm: PlannedArm, seeds: readonly number[], source: ValueSource): ArmValues {
  const { metric, prompts, plan, seen } = source
  const places = seeds.map((seed) => arm.seeds.indexOf(seed))
  return new Map(
    prompts.flatMap((prompt) => {
      const all = pictureValues(metric, arm, prompt, plan, seen)
      const values = places.flatMap((place) => all?.[place] ?? [])
      return values.length === 0 ? [] : [[prompt, values] as const]
    }),
  )
}

function measureValues(source: ValueSource): MeasuredRow[] {
  const { metric, prompts, plan } = source
  const options = { yesNo: isYesNo(metric), scope: scopeOf(prompts.length) }
  return plan.arms.map((arm) => {
    const values = valuesOf(arm, arm.seeds, source)
    const estimate = estimateArm(values, options)
    const baseline = baselineOf(arm, plan.arms)
    const shared = arm.seeds.filter((seed) => baseline?.seeds.includes(seed))
    const difference =
      estimate === null || baseline === null
        ? null
        : compareArms(valuesOf(arm, shared, source), valuesOf(baseline, shared, source), options)
    const count = [...values.values()].flat().length
    return {
      arm: arm.name,
      count,
      estimate,
      difference,
      reason: reasonOf(arm, prompts, estimate, difference, baseline),
    }
  })
}

/** Puts p-values that are corrected for their number (Holm) into differences. */
function correct<Item, Change extends { readonly p: number }>(
  items: readonly Item[],
  changeOf: (item: Item) => Change | null,
): [Item, (Change & { adjustedP: number }) | null][] {
  const adjusted = holm(items.flatMap((item) => changeOf(item)?.p ?? []))
  let next = 0
  return items.map((item) => {
    const change = changeOf(item)
    return [item, change && { ...change, adjustedP: adjusted[next++] ?? 1 }]
  })
}

/** The effects of one design are one family of tests. */
function correctByFamily(effects: readonly EffectRow[]): MetricRecord['effects'] {
  return [...new Set(effects.map(({ family }) => family))].flatMap((family) =>
    correct(
      effects.filter((effect) => effect.family === family),
      ({ change }) => change,
    ).map(([effect, change]) => ({ ...effect, change })),
  )
}
