import { resolve as absolute, join } from 'node:path'
import { renderHands } from 'phalanx'
import type { Command } from '../../src/cli/command.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { baseOption, labOptions, labPlaceOf, openLabInTerminal } from '../../src/cli/lab-options.ts'
import { optionText } from '../../src/cli/option-values.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { showStudyRun } from '../../src/cli/study-in-terminal.ts'
import { correctHands } from './correct-hands.ts'
import { showEveryTechnique } from './every-technique.ts'
import { demoStudy } from './study.ts'

const demo: Command = {
  name: 'demo',
  call: 'npm run demo --',
  summary: 'compare four ways to get better hands, on the embedded base',
  positionals: [],
  options: {
    dataset: { value: '<folder>', text: 'your own pictures of well-formed hands in place of rendered ones' },
    caption: { value: '<text>', text: 'one caption for all of them; what the folder says by default' },
    base: baseOption,
    all: { text: 'instead, every technique for some steps, side by side on one sheet' },
    ...labOptions,
  },
  example: "npm run demo -- --dataset ./palms --caption 'a photo of an open hand with five fingers spread'",
  run: async (given, context) => {
    const { terminal } = context
    const named = optionText(given.options, 'dataset')
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const path = named === undefined ? join(lab.folder, 'rendered-hands') : absolute(named)
    if (named === undefined) {
      await renderHands(path, correctHands, {
        signal: context.signal,
        onProgress: (done, total) => terminal.status(`Drawing well-formed hands: ${done} of ${total}`),
      })
    }
    const caption = optionText(given.options, 'caption') ?? null
    const base = optionText(given.options, 'base') ?? 'tiny-hands'
    if (given.options.all === true) {
      const opened = await lab.base(base, { signal: context.signal })
      const dataset = await lab.dataset(path, caption === null ? {} : { caption })
      const file = await showEveryTechnique(lab, opened, dataset, context)
      terminal.result({ file }, () => file)
      return exitCodes.success
    }
    const study = demoStudy(named === undefined ? 'demo' : 'demo-own-pictures', base, { path, caption })
    const { outcome, report, exitCode } = await showStudyRun(lab, study, context)
    terminal.result({ folder: outcome.folder, counts: outcome.counts, ...report })
    return exitCode
  },
}

process.exitCode = await runCommand(demo, process.argv.slice(2))
