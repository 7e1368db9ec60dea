import { planStudy } from '../../study/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { loadStudy } from '../load-study.ts'
import { showStudyRun } from '../study-in-terminal.ts'
import { describePlan, listMissing } from '../study-plan.ts'

/** `phalanx run`: prints the plan of a study, runs the missing cells and writes its report. */
export const run: Command = {
  name: 'run',
  summary: 'run the missing cells of a study and write its report',
  positionals: ['<study.ts>'],
  options: {
    ...labOptions,
    'dry-run': { text: 'print the plan, what is cached and missing, cost and power, and end' },
  },
  example: 'phalanx run study.ts --lab ./phalanx-lab',
  run: async (given, context) => {
    const { terminal } = context
    const study = await loadStudy(given.positionals[0] as string)
    await using lab = await openLabInTerminal({ ...labPlaceOf(given), wait: true }, context)
    if (given.options['dry-run']) {
      const planned = await planStudy(lab, study)
      const cells = planned.plan.cells.map(({ kind, key, label }) => ({
        kind,
        key,
        label,
        cached: planned.cached.has(key),
      }))
      const { plan, expected, power } = planned
      terminal.result({ study: study.name, plan: plan.sha256, cells, expected, power }, () =>
        [describePlan(planned), listMissing(planned)].join('\n'),
      )
      return exitCodes.success
    }
    const { outcome, report, exitCode } = await showStudyRun(lab, study, context)
    terminal.result({ folder: outcome.folder, counts: outcome.counts, ...report })
    return exitCode
  },
}
