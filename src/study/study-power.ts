import { isDistance, isYesNo } from '../config/metric.ts'
import { scopeOf, smallestMeanEffect, smallestProportionDifference } from '../metrics/index.ts'
import { baselineOf } from './baseline.ts'
import { describeMetric } from './describe-metric.ts'
import { promptsOf, type StudyPlan } from './plan.ts'

/** The smallest difference that a study will see in four of five tries, should it be there. */
export interface MetricPower {
  /** What is measured. */
  readonly metric: string
  /** Pairs that a comparison tests: images of one prompt and seed, or whole prompts where findings speak for new ones. */
  readonly pairs: number
  readonly paired: 'images' | 'prompts'
  /** Comparisons with a baseline; the level of 0.05 is divided among them, which is what Holm's correction asks at worst. */
  readonly comparisons: number
  /** Null when not even the largest difference would be seen, or where no method tells (`unit` null). */
  readonly smallest: number | null
  /** A difference of shares, or standard deviations of the differences within pairs. */
  readonly unit: 'share' | 'standard deviations' | null
}

/** Most pairs for which the exact test is summed; with more, the answer is a little pessimistic. */
const mostPairs = 2000

/** Power of a study's comparisons, metric by metric, before anything runs. */
export function studyPower(plan: StudyPlan): MetricPower[] {
  const compared = plan.arms.flatMap((arm) => {
    const baseline = arm.notApplicable.includes(null) ? baselineOf(arm, plan.arms) : null
    return baseline === null ? [] : [arm.seeds.filter((seed) => baseline.seeds.includes(seed)).length]
  })
  if (compared.length === 0) return []
  return plan.study.metrics.map((metric) => {
    const { label } = describeMetric(metric, plan)
    const prompts = promptsOf(metric, plan.study).length
    const paired = scopeOf(prompts) === 'seeds' ? 'images' : 'prompts'
    const pairs = paired === 'images' ? prompts * Math.min(...compared) : prompts
    const comparisons = compared.length
    const known = { metric: label, pairs, paired, comparisons } as const
    if (isDistance(metric) || pairs < 2) return { ...known, smallest: null, unit: null }
    const significance = 0.05 / comparisons
    return !isYesNo(metric) || paired === 'prompts'
      ? { ...known, smallest: smallestMeanEffect(pairs, { significance }), unit: 'standard deviations' }
      : {
          ...known,
          smallest: smallestProportionDifference(Math.min(pairs, mostPairs), { significance }),
          unit: 'share',
        }
  })
}
