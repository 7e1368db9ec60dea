import type { ArmRecord, DesignRecord, FailureRecord } from '../artefact/study-record.ts'
import { baselineOf } from './baseline.ts'
import type { CellRecord, RepairRecord, SampleRecord } from './cell-record.ts'
import type { Layout } from './design.ts'
import type { PlannedArm, StudyPlan } from './plan.ts'
import { summariseArm } from './summarise-arm.ts'

type Records = ReadonlyMap<string, CellRecord>

/** What a study's record says of an arm. */
export function describeArm(
  arm: PlannedArm,
  plan: StudyPlan,
  records: Records,
  failures: readonly FailureRecord[],
): ArmRecord {
  const samples = arm.samples.flatMap((key) => sampleOf(records, key))
  return {
    name: arm.name,
    base: arm.base,
    baseline: arm.baseline,
    comparedWith: baselineOf(arm, plan.arms)?.name ?? null,
    summary: summariseArm(arm, plan.study),
    prompts: [...arm.prompts],
    negativePrompt: arm.settings.negativePrompt,
    settings: JSON.parse(JSON.stringify(arm.settings)),
    missing: arm.samples.flatMap((key, prompt): ArmRecord['missing'] => {
      const reason = arm.notApplicable[prompt] ?? null
      if (reason !== null) return [{ prompt, status: 'not-applicable', reason }]
      return failures
        .filter(({ cell }) => cell === key)
        .map(({ status, message }) => ({ prompt, status, reason: message }))
    }),
    sampling:
      samples.length === 0
        ? null
        : {
            images: samples.reduce((sum, sample) => sum + sample.images.length, 0),
            seconds: samples.reduce((sum, sample) => sum + sample.samplingSeconds, 0),
            peakMemoryBytes: Math.max(...samples.map((sample) => sample.peakMemoryBytes)),
          },
  }
}

/** What a study's record says of the design of an arm; nothing where at most one setting varies. */
export function describeDesign(family: string, { axes, runs, combinations, resolution }: Layout): DesignRecord[] {
  if (axes.length < 2) return []
  const named = axes.map(({ name, levels }) => ({ name, values: levels.map(({ label }) => label) }))
  return [{ family, axes: named, runs: runs.length, combinations, resolution }]
}

/** The record of a sample or repair cell that finished. */
export function sampleOf(records: Records, key: string | null): (SampleRecord | RepairRecord)[] {
  const record = records.get(key ?? '')
  return record?.kind === 'sample' || record?.kind === 'repair' ? [record] : []
}
