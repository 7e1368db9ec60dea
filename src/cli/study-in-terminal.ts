import type { Lab } from '../lab/index.ts'
import { buildReport, type Report } from '../report/index.ts'
import { planStudy, runStudy, type StudyDefinition, type StudyOutcome } from '../study/index.ts'
import type { CommandContext } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { describePlan } from './study-plan.ts'
import { showStudy } from './study-progress.ts'

export interface ShownStudy {
  readonly outcome: StudyOutcome
  readonly report: Report
  readonly exitCode: number
}

/** Prints the plan of a study, runs what is missing with progress, writes its report and prints the finding. */
export async function showStudyRun(
  lab: Lab,
  study: StudyDefinition,
  { terminal, signal }: CommandContext,
): Promise<ShownStudy> {
  terminal.status('Reading bases and datasets')
  const planned = await planStudy(lab, study)
  terminal.print(describePlan(planned))
  const outcome = await runStudy(lab, study, { planned, signal, onEvent: showStudy(terminal) })
  const report = await buildReport(outcome.folder)
  const { failed, skipped, left } = outcome.counts
  if (failed + skipped > 0)
    terminal.note(`${failed} cells failed and ${skipped} were skipped; run again to try them anew.`)
  const waiting = outcome.record.failures.find(({ status }) => status === 'left')
  if (waiting !== undefined) terminal.note(`${left} cells were not started. ${waiting.message}`)
  terminal.print(`\n${report.headline.asked}\n${report.headline.found}\n\n${report.html}`)
  return { outcome, report, exitCode: failed > 0 ? exitCodes.failure : exitCodes.success }
}
