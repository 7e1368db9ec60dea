import type { MetricRecord, MetricRow } from '../artefact/study-record.ts'
import type { MetricDefinition } from '../config/metric.ts'
import { pictureValue } from '../lab/index.ts'
import { holm, kernelDistanceDifference, kernelDistanceInterval, scopeOf } from '../metrics/index.ts'
import { RandomStream } from '../util/random.ts'
import { baselineOf } from './baseline.ts'
import type { Judgement } from './cell-record.ts'
import { describeMetric } from './describe-metric.ts'
import { type EffectRow, estimateEffects } from './effects.ts'
import { type ArmValues, compareArms, estimateArm } from './paired-values.ts'
import { type PlannedArm, promptsOf, type StudyPlan } from './plan.ts'

/** Judgements by the key of their score cell; cells that failed are missing. */
export type Judgements = ReadonlyMap<string, readonly Judgement[]>

type Row = Omit<MetricRow, 'difference'> & {
  difference: Omit<NonNullable<MetricRow['difference']>, 'adjustedP'> | null
}
type ValueMetric = Exclude<MetricDefinition, { type: 'kernel-distance' }>

/** Takes every metric of a study from what the classifier saw. */
export function measureStudy(plan: StudyPlan, judgements: Judgements): MetricRecord[] {
  return plan.study.metrics.map((metric, index) => {
    const prompts = promptsOf(metric, plan.study)
    const rows =
      metric.type === 'kernel-distance'
        ? measureDistances(prompts, judgements.get(plan.references.get(index) ?? ''), plan, judgements)
        : measureValues(metric, prompts, plan, judgements)
    const scope = scopeOf(prompts.length)
    const effects =
      metric.type === 'kernel-distance'
        ? []
        : estimateEffects(plan, (arm, seeds) => valuesOf(arm, seeds, { metric, prompts, plan, judgements }), scope)
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
  readonly judgements: Judgements
}

/** Values of an arm on some of its seeds, in their order. */
function valuesOf(arm: PlannedArm, seeds: readonly number[], source: ValueSource): ArmValues {
  const { metric, prompts, plan, judgements } = source
  const places = seeds.map((seed) => arm.seeds.indexOf(seed))
  return new Map(
    prompts.flatMap((prompt) => {
      const seen = judgements.get(arm.scores[prompt] ?? '')
      const text = plan.study.prompts[prompt] ?? ''
      const values = places.flatMap((place) => seen?.[place] ?? []).map((one) => pictureValue(metric, one, text))
      return values.length === 0 ? [] : [[prompt, values] as const]
    }),
  )
}

function measureValues(
  metric: ValueMetric,
  prompts: readonly number[],
  plan: StudyPlan,
  judgements: Judgements,
): Row[] {
  const options = { yesNo: metric.type !== 'defect-probability', scope: scopeOf(prompts.length) }
  const source = { metric, prompts, plan, judgements }
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

/** Distances of whole sets; an arm that lacks a prompt or seed is left out, since unequal sets cannot be compared. */
function measureDistances(
  prompts: readonly number[],
  reference: readonly Judgement[] | undefined,
  plan: StudyPlan,
  judgements: Judgements,
): Row[] {
  const target = (reference ?? []).map((judgement) => judgement.features)
  const total = prompts.length * plan.study.seeds.length
  const count = Math.min(total, target.length)
  const chosen = new RandomStream('pairs', total).shuffle([...Array(total).keys()]).slice(0, count)
  const featuresOf = (arm: PlannedArm) => {
    const all = prompts.flatMap((prompt) => judgements.get(arm.scores[prompt] ?? '') ?? [])
    return all.length < total || count < 3 ? null : chosen.map((index) => all[index]?.features ?? [])
  }
  return plan.arms.map((arm) => {
    const features = featuresOf(arm)
    if (features === null) {
      const reason =
        count < 3
          ? `only ${target.length} reference images`
          : arm.seeds.length < plan.study.seeds.length
            ? 'it has some of the seeds only, and sets of unequal size cannot be compared'
            : (inapplicability(arm, prompts, 'some') ?? 'a cell it needs failed')
      return { arm: arm.name, count: 0, estimate: null, difference: null, reason }
    }
    const { distance: value, low, high, method } = kernelDistanceInterval(features, target)
    const baseline = baselineOf(arm, plan.arms)
    const other = baseline === null ? null : featuresOf(baseline)
    const change = other === null ? null : kernelDistanceDifference(features, other, target, { seed: 1 })
    const difference = change && {
      value: change.difference,
      low: change.low,
      high: change.high,
      method: change.method,
      test: 'permutation within pairs',
      p: change.p,
    }
    const estimate = { value, low, high, method }
    return {
      arm: arm.name,
      count,
      estimate,
      difference,
      reason: reasonOf(arm, prompts, estimate, difference, baseline),
    }
  })
}

function reasonOf(
  arm: PlannedArm,
  prompts: readonly number[],
  estimate: unknown,
  difference: unknown,
  baseline: PlannedArm | null,
): string | null {
  if (estimate === null) return inapplicability(arm, prompts, 'every') ?? 'a cell it needs failed'
  return difference === null && baseline !== null ? 'the baseline has no samples to compare with' : null
}

/** Why an arm does not draw some or all of the prompts; null when the study does not say so. */
function inapplicability(arm: PlannedArm, prompts: readonly number[], extent: 'some' | 'every'): string | null {
  const reasons = prompts.map((prompt) => arm.notApplicable[prompt] ?? null)
  const told = reasons.filter((reason) => reason !== null)
  return told.length > 0 && (extent === 'some' || told.length === prompts.length) ? (told[0] ?? null) : null
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
