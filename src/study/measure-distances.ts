import type { DistanceMetric } from '../config/metric.ts'
import {
  cmmdInterval,
  type Features,
  frechetDistanceDifference,
  frechetDistanceInterval,
  gaussianGram,
  type Interval,
  kernelDistanceDifference,
  kernelDistanceInterval,
} from '../metrics/index.ts'
import { RandomStream } from '../util/random.ts'
import { baselineOf } from './baseline.ts'
import { inapplicability, type MeasuredRow, reasonOf } from './measured-row.ts'
import { featureCells, type PlannedArm, type StudyPlan } from './plan.ts'
import type { Seen } from './seen.ts'

/** Distances of whole sets; an arm that lacks a prompt or seed is left out, since unequal sets cannot be compared. */
export function measureDistances(
  metric: DistanceMetric,
  prompts: readonly number[],
  reference: string,
  plan: StudyPlan,
  seen: Seen,
): MeasuredRow[] {
  const target = rowsOf(reference, seen)
  const total = prompts.length * plan.study.seeds.length
  const count = Math.min(total, target.length)
  const chosen = new RandomStream('pairs', total).shuffle([...Array(total).keys()]).slice(0, count)
  const featuresOf = (arm: PlannedArm): Features | null => {
    const cells = featureCells(metric, arm)
    const all = prompts.flatMap((prompt) => rowsOf(cells[prompt] ?? '', seen))
    return all.length < total || count < 3 ? null : chosen.map((index) => all[index] ?? [])
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
    const estimate = distanceTo(target, features, metric)
    const baseline = baselineOf(arm, plan.arms)
    const other = baseline === null ? null : featuresOf(baseline)
    const difference = other && differenceOf(features, other, target, metric)
    return {
      arm: arm.name,
      count,
      estimate,
      difference,
      reason: reasonOf(arm, prompts, estimate, difference, baseline),
    }
  })
}

/** Rows of a cell that judged or embedded; none for one that failed. */
function rowsOf(key: string, { judgements, features }: Seen): Features {
  return features.get(key)?.rows ?? judgements.get(key)?.map((judgement) => judgement.features) ?? []
}

function distanceTo(target: Features, features: Features, metric: DistanceMetric): MeasuredRow['estimate'] {
  switch (metric.type) {
    case 'kernel-distance':
      return valued(kernelDistanceInterval(features, target))
    case 'cmmd':
      return valued(cmmdInterval(features, target, metric.estimator))
    case 'frechet-distance':
      return valued(frechetDistanceInterval(features, target))
  }
}

function valued({ distance, low, high, method }: Interval & { readonly distance: number }) {
  return { value: distance, low, high, method }
}

/** Of CMMD the bias of a V-statistic is the same on either side but for 1/n of their difference, and is left out. */
function differenceOf(
  first: Features,
  second: Features,
  target: Features,
  metric: DistanceMetric,
): MeasuredRow['difference'] {
  if (metric.type === 'frechet-distance') {
    const { difference, low, high, method, p } = frechetDistanceDifference(first, second, target)
    return { value: difference, low, high, method, test: 'difference over its jackknife error', p }
  }
  const gaussian = metric.type === 'cmmd'
  const change = kernelDistanceDifference(first, second, target, { seed: 1, ...(gaussian && { kernel: gaussianGram }) })
  const scale = gaussian ? 1000 : 1
  return {
    value: scale * change.difference,
    low: scale * change.low,
    high: scale * change.high,
    method: change.method,
    test: 'permutation within pairs',
    p: change.p,
  }
}
