import { resolve as absolute } from 'node:path'
import { buildReport } from '../../report/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'

/** `phalanx report`: writes the page of a study again, from its folder alone. */
export const report: Command = {
  name: 'report',
  summary: "write report.html and report.json from a study's folder",
  positionals: ['<folder>'],
  options: {},
  example: 'phalanx report phalanx-lab/studies/demo',
  run: async ({ positionals: [folder = ''] }, { terminal }) => {
    const written = await buildReport(absolute(folder))
    terminal.result(written, () => `${written.headline.asked}\n${written.headline.found}\n\n${written.html}`)
    return exitCodes.success
  },
}
