import { join } from 'node:path'
import { labFolders } from '../artefact/run-folder.ts'
import type { StudyRecord } from '../artefact/study-record.ts'
import type { Lab } from '../lab/index.ts'
import { type CellReason, explainCell } from './cell-reason.ts'
import { CellStore } from './cell-store.ts'
import type { StudyDefinition } from './definition.ts'
import { expectCost, type StudyExpectation } from './expectation.ts'
import { gatherFacts } from './gather-facts.ts'
import { labSteps } from './lab-steps.ts'
import { planCells, type StudyPlan } from './plan.ts'
import { writePlanRecord } from './plan-record.ts'
import type { StudyCounts, StudyEvent } from './progress.ts'
import { type CellResults, runCells } from './run-cells.ts'
import { runHalving } from './run-halving.ts'
import { readSeen } from './seen.ts'
import { type MetricPower, studyPower } from './study-power.ts'
import { writeStudyFolder } from './write-study-folder.ts'

/** A plan and which of its cells are finished already. */
export interface PlannedStudy {
  readonly plan: StudyPlan
  readonly cached: ReadonlySet<string>
  /** What the other cells will cost. */
  readonly expected: StudyExpectation
  /** What the study will be able to see. */
  readonly power: readonly MetricPower[]
}

export interface RunStudyOptions {
  /** A plan made by {@link planStudy} from the same study, so that it is not made twice. */
  readonly planned?: PlannedStudy | undefined
  /** Aborting stops the running cell, which resumes or starts anew next time; finished cells stay. */
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: StudyEvent) => void) | undefined
}

/** What came of a study. */
export interface StudyOutcome {
  /** The study's folder: `study.json` and the files it names. Give it to `buildReport`. */
  readonly folder: string
  readonly record: StudyRecord
  readonly counts: StudyCounts
}

/**
 * Freezes what a study will do: reads the identity of its bases, datasets and files, and looks up which cells the lab
 * has finished already. Nothing is trained or drawn.
 *
 * Throws what opening a base, a dataset or an adapter throws.
 */
export async function planStudy(lab: Lab, study: StudyDefinition): Promise<PlannedStudy> {
  const plan = planCells(study, await gatherFacts(lab, study))
  const store = openStore(lab)
  const finished = await store.keys()
  const cached = new Set(plan.cells.map((cell) => cell.key).filter((key) => finished.has(key)))
  const missing = plan.cells.filter((cell) => !cached.has(cell.key))
  return { plan, cached, expected: await expectCost(missing, store), power: studyPower(plan) }
}

/**
 * Says why a cell of a planned study is finished already or not: which part of its key differs from that of the finished
 * cell most like it. Throws ConfigError (`unknown-cell`, `unclear-cell`).
 *
 * @param cell key, beginning of a key, or label
 */
export function whyCell(lab: Lab, { plan }: PlannedStudy, cell: string): Promise<CellReason> {
  return explainCell(plan, openStore(lab), cell)
}

/**
 * Runs the missing cells of a study and writes its folder. Whatever is killed, starting again loses no finished cell
 * and runs none twice; a training goes on from its newest checkpoint. A cell that fails is recorded, cells that need
 * it are skipped, the others run. With halving, its rounds come first, each with events of its own.
 *
 * Rejects with the signal's reason when aborted; the study's folder then shows what was finished, unless halving was
 * still choosing. Throws ArtefactError (`halving-incomplete`) when the disk was full in a round.
 */
export async function runStudy(
  lab: Lab,
  study: StudyDefinition,
  { planned, signal, onEvent }: RunStudyOptions = {},
): Promise<StudyOutcome> {
  const whole = (planned ?? (await planStudy(lab, study))).plan
  const store = openStore(lab)
  const folder = join(lab.folder, labFolders.studies, study.name)
  const plans: StudyPlan[] = []
  const run = async (plan: StudyPlan): Promise<CellResults> => {
    await writePlanRecord(folder, plan, plans)
    plans.push(plan)
    const { cells } = plan
    const runStep = labSteps(lab, plan, store)
    return runCells({ cells, store, runStep, workers: lab.workers.length, budget: study.budget, signal, onEvent })
  }
  const { facts } = whole
  const read = ({ records }: CellResults) => readSeen(records, store)
  const chosen = study.halving && (await runHalving({ study, halving: study.halving, facts, run, read }))
  if (study.halving !== null && chosen === null) throw signal?.reason
  const plan = chosen === null ? whole : planCells(study, facts, chosen.dropped)
  const results = await run(plan)
  const record = await writeStudyFolder({
    plan,
    ...results,
    failures: [...(chosen?.failures ?? []), ...results.failures],
    halving: chosen?.record,
    finished: !results.aborted && results.counts.left === 0,
    store,
    folder,
  })
  if (results.aborted) throw signal?.reason
  return { folder, record, counts: results.counts }
}

function openStore(lab: Lab): CellStore {
  return new CellStore(join(lab.folder, labFolders.cells))
}
