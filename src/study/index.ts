export {
  clipScoreOf,
  cmmdTo,
  defectProbability,
  defectRate,
  fingerCount,
  frechetDistanceTo,
  kernelDistanceTo,
  nearestImageIn,
  sharpness,
} from '../config/metric.ts'
export type { Cell } from './cell.ts'
export type { CellReason, KeyDifference } from './cell-reason.ts'
export { defineStudy } from './define-study.ts'
export { grid, type StudyDefinition, type StudyInput } from './definition.ts'
export { type DesignInput, fraction } from './design.ts'
export type { StudyExpectation } from './expectation.ts'
export { collectGarbage, type Garbage, type GarbageCell } from './garbage.ts'
export type { PlannedArm, StudyPlan } from './plan.ts'
export type { StudyCounts, StudyEvent } from './progress.ts'
export {
  type PlannedStudy,
  planStudy,
  type RunStudyOptions,
  runStudy,
  type StudyOutcome,
  whyCell,
} from './run-study.ts'
export type { MetricPower } from './study-power.ts'
