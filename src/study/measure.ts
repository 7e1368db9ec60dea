import type { MetricRecord, MetricRow } from '../artefact/study-record.ts'
import { betterOf, type MetricDefinition } from '../config/metric.ts'
import { pictureValue } from '../lab/index.ts'
import { holm, kernelDistanceDifference, kernelDistanceInterval } from '../metrics/index.ts'
import { RandomStream } from '../util/random.ts'
import type { Judgement } from './cell-record.ts'
import { type ArmValues, compareArms, estimateArm, scopeOf } from './paired-values.ts'
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
    return {
      id: `${metric.type}-${index}`,
      better: betterOf[metric.type],
      ...describeMetric(metric, plan),
      prompts,
      scope,
      rows: correct(rows),
    }
  })
}

function measureValues(
  metric: ValueMetric,
  prompts: readonly number[],
  plan: StudyPlan,
  judgements: Judgements,
): Row[] {
  const options = { yesNo: metric.type !== 'defect-probability', scope: scopeOf(prompts.length) }
  const valuesOf = (arm: PlannedArm): ArmValues =>
    new Map(
      prompts.flatMap((prompt) => {
        const seen = judgements.get(arm.scores[prompt] ?? '')
        const text = plan.study.prompts[prompt] ?? ''
        return seen ? [[prompt, seen.map((judgement) => pictureValue(metric, judgement, text))] as const] : []
      }),
    )
  return plan.arms.map((arm) => {
    const values = valuesOf(arm)
    const estimate = estimateArm(values, options)
    const baseline = baselineOf(arm, plan)
    const difference = estimate === null || baseline === null ? null : compareArms(values, valuesOf(baseline), options)
    const count = [...values.values()].flat().length
    return { arm: arm.name, count, estimate, difference, reason: reasonOf(estimate, difference, baseline) }
  })
}

/** Distances of whole sets; an arm with a missing prompt is left out, since unequal sets cannot be compared. */
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
      const reason = count < 3 ? `only ${target.length} reference images` : 'a cell it needs failed'
      return { arm: arm.name, count: 0, estimate: null, difference: null, reason }
    }
    const { distance: value, low, high, method } = kernelDistanceInterval(features, target)
    const baseline = baselineOf(arm, plan)
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
    return { arm: arm.name, count, estimate, difference, reason: reasonOf(estimate, difference, baseline) }
  })
}

function baselineOf(arm: PlannedArm, plan: StudyPlan): PlannedArm | null {
  return arm.baseline ? null : (plan.arms.find((other) => other.baseline && other.base === arm.base) ?? null)
}

function reasonOf(estimate: unknown, difference: unknown, baseline: PlannedArm | null): string | null {
  if (estimate === null) return 'a cell it needs failed'
  return difference === null && baseline !== null ? 'the baseline has no samples to compare with' : null
}

function correct(rows: readonly Row[]): MetricRow[] {
  const adjusted = holm(rows.flatMap((row) => row.difference?.p ?? []))
  let next = 0
  return rows.map((row) => ({
    ...row,
    difference: row.difference && { ...row.difference, adjustedP: adjusted[next++] ?? 1 },
  }))
}

function describeMetric(
  metric: MetricDefinition,
  { facts }: StudyPlan,
): Pick<MetricRecord, 'label' | 'unit' | 'description' | 'validity'> {
  const validity = facts.classifier?.validity ?? null
  switch (metric.type) {
    case 'finger-count':
      return {
        label: 'share of hands with the right number of fingers',
        unit: 'share',
        description:
          'An image is right when the finger classifier counts as many extended fingers as the prompt asks for.',
        validity,
      }
    case 'defect-rate':
      return {
        label: 'share of defective hands',
        unit: 'share',
        description: `An image is defective when the finger classifier gives wrong anatomy a probability above ${metric.threshold}.`,
        validity,
      }
    case 'defect-probability':
      return {
        label: 'mean defect probability',
        unit: 'probability',
        description: 'The probability, by the finger classifier, that the anatomy is wrong.',
        validity,
      }
    case 'kernel-distance':
      return {
        label: `kernel distance to ${metric.against} on ${metric.features} features`,
        unit: 'distance',
        description: `Squared maximum mean discrepancy (cubic polynomial kernel, unbiased) between the samples and as many images of “${metric.against}”, on the penultimate activations of the ${metric.features}. It is not comparable with distances on Inception features.`,
        validity: null,
      }
  }
}
