import type { FailureRecord, HalvingRecord, MetricRecord } from '../artefact/study-record.ts'
import { ArtefactError } from '../errors/index.ts'
import type { StudyDefinition } from './definition.ts'
import type { StudyFacts } from './facts.ts'
import type { HalvingDefinition } from './halving.ts'
import { measureStudy } from './measure.ts'
import { type PlannedArm, planCells, type StudyPlan } from './plan.ts'
import type { CellResults } from './run-cells.ts'
import type { Seen } from './seen.ts'

/** What halving did: who is out and why, and what is to be told. */
export interface HalvingOutcome {
  /** Reason by the name of an arm that is not compared. */
  readonly dropped: ReadonlyMap<string, string>
  readonly record: HalvingRecord
  readonly failures: readonly FailureRecord[]
}

export interface HalvingOptions {
  readonly study: StudyDefinition
  readonly halving: HalvingDefinition
  readonly facts: StudyFacts
  /** Runs the cells of a round. */
  readonly run: (plan: StudyPlan) => Promise<CellResults>
  /** Reads what the cells of a round saw. */
  readonly read: (results: CellResults) => Promise<Seen>
}

/**
 * Runs the rounds; null when one was aborted. Throws ArtefactError (`halving-incomplete`) when the disk was full in a
 * round, since what was not measured cannot be ranked.
 */
export async function runHalving({ study, halving, facts, run, read }: HalvingOptions): Promise<HalvingOutcome | null> {
  const dropped = new Map<string, string>()
  const rounds: HalvingRecord['rounds'] = []
  const failures: FailureRecord[] = []
  for (const [round, steps] of halving.steps.entries()) {
    const plan = planCells(roundStudy(study, halving, steps), facts, dropped)
    const results = await run(plan)
    if (results.aborted) return null
    if (results.counts.left > 0) throw incomplete(results)
    failures.push(...results.failures)
    const [metric] = measureStudy(plan, await read(results))
    const arms = plan.arms.filter((arm) => arm.training !== null)
    const ranked = study.bases.flatMap((base) =>
      rank(
        arms.filter((arm) => arm.base === base),
        metric,
        halving.keep,
      ),
    )
    for (const { arm, value, kept } of ranked) {
      if (kept) continue
      const seen = value === null ? 'it could not be measured' : `it came to ${Number(value.toPrecision(3))}`
      dropped.set(arm, `left out by halving after round ${round + 1}, ${steps} steps: ${seen}`)
    }
    rounds.push({ steps, arms: ranked })
  }
  const { keep, seeds, metric } = halving
  return { dropped, record: { metric, keep, seeds: [...seeds], rounds }, failures }
}

/** The study of a round: its steps for all arms that train, its seeds, and the metric that decides. */
function roundStudy(study: StudyDefinition, { seeds, metric }: HalvingDefinition, steps: number): StudyDefinition {
  const arms = Object.entries(study.arms).map(([name, arm]) => [
    name,
    arm.train === null ? arm : { ...arm, train: { ...arm.train, steps } },
  ])
  const metrics = study.metrics.slice(metric, metric + 1)
  return { ...study, arms: Object.fromEntries(arms), seeds: [...seeds], metrics, halving: null }
}

/** The best share of the arms of one base; of equals, the first in the study. */
function rank(arms: readonly PlannedArm[], metric: MetricRecord | undefined, keep: number) {
  const scoreOf = ({ name }: PlannedArm) => metric?.rows.find(({ arm }) => arm === name)?.estimate?.value ?? null
  const sign = metric?.better === 'higher' ? -1 : 1
  const measured = arms.filter((arm) => scoreOf(arm) !== null)
  const best = measured
    .toSorted((a, b) => sign * ((scoreOf(a) ?? 0) - (scoreOf(b) ?? 0)))
    .slice(0, Math.ceil(keep * arms.length))
  return arms.map((arm) => ({ arm: arm.name, value: scoreOf(arm), kept: best.includes(arm) }))
}

function incomplete({ counts, failures }: CellResults): ArtefactError {
  const why = failures.find(({ status }) => status === 'left')?.message ?? ''
  return new ArtefactError({
    code: 'halving-incomplete',
    message: `${counts.left} cells of a round were not started, so its arms cannot be ranked. ${why}`,
    facts: { left: counts.left },
  })
}
