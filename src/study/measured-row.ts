import type { MetricRow } from '../artefact/study-record.ts'
import type { PlannedArm } from './plan.ts'

/** A row of a metric before p-values are corrected. */
export type MeasuredRow = Omit<MetricRow, 'difference'> & {
  difference: Omit<NonNullable<MetricRow['difference']>, 'adjustedP'> | null
}

/** Why a row lacks its estimate or its difference; null when it lacks neither. */
export function reasonOf(
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
export function inapplicability(arm: PlannedArm, prompts: readonly number[], extent: 'some' | 'every'): string | null {
  const reasons = prompts.map((prompt) => arm.notApplicable[prompt] ?? null)
  const told = reasons.filter((reason) => reason !== null)
  return told.length > 0 && (extent === 'some' || told.length === prompts.length) ? (told[0] ?? null) : null
}
