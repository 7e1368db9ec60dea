import type { ValueMetric } from '../config/metric.ts'
import { pictureValue } from '../lab/index.ts'
import { clipScore, dot, normalised } from '../metrics/index.ts'
import { featureCells, type PlannedArm, type StudyPlan } from './plan.ts'
import type { CellFeatures, Seen } from './seen.ts'

/**
 * What a metric makes of every image of an arm for a prompt, in the order of the arm's seeds; null where a cell that it
 * needs failed or does not apply.
 */
export function pictureValues(
  metric: ValueMetric,
  arm: PlannedArm,
  prompt: number,
  plan: StudyPlan,
  seen: Seen,
): readonly number[] | null {
  const index = plan.study.metrics.indexOf(metric)
  const key = featureCells(metric, arm)[prompt] ?? ''
  const text = plan.study.prompts[prompt] ?? ''
  switch (metric.type) {
    case 'finger-count':
    case 'defect-rate':
    case 'defect-probability':
      return seen.judgements.get(key)?.map((judgement) => pictureValue(metric, judgement, text)) ?? null
    case 'sharpness':
      return seen.features.get(key)?.rows.map(([value = Number.NaN]) => value) ?? null
    case 'clip-score': {
      const images = seen.features.get(key)
      const texts = seen.features.get(plan.texts.get(index)?.key ?? '')
      const row = texts?.rows[plan.texts.get(index)?.prompts.indexOf(prompt) ?? -1]
      if (images === undefined || row === undefined) return null
      return images.rows.map((image) => clipScore(image, row, metric.convention, images.logitScale ?? 1))
    }
    case 'nearest-image': {
      const known = rowsOf(plan.references.get(index) ?? '', seen)
      return known && (rowsOf(key, seen)?.map((row) => nearest(row, known)) ?? null)
    }
  }
}

function rowsOf(key: string, { judgements, features }: Seen): CellFeatures['rows'] | null {
  return features.get(key)?.rows ?? judgements.get(key)?.map((judgement) => judgement.features) ?? null
}

/** The largest cosine with any row. */
function nearest(row: readonly number[], known: CellFeatures['rows']): number {
  const own = normalised(row)
  return Math.max(...known.map((other) => dot(own, other) / Math.sqrt(dot(other, other))))
}
