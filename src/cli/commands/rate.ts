import { resolve as absolute } from 'node:path'
import type { MetricRecord, MetricRow } from '../../artefact/study-record.ts'
import type { RatingInput } from '../../config/rating.ts'
import { ConfigError } from '../../errors/index.ts'
import { closeRating, openRating } from '../../rating/index.ts'
import { buildReport } from '../../report/index.ts'
import type { Arguments, Command } from '../command.ts'
import { ended } from '../ended.ts'
import { exitCodes } from '../exit-codes.ts'
import { optionNumber, optionText, optionTexts } from '../option-values.ts'
import type { Terminal } from '../terminal.ts'

/** `phalanx rate`: serves a page on which people compare or count in the images of a study without knowing the arms. */
export const rate: Command = {
  name: 'rate',
  summary: "let people rate a study's images blindly on a local page; Ctrl-C ends it, votes stay",
  positionals: ['<folder>'],
  options: {
    name: { value: '<name>', text: 'one rating of several (main)' },
    mode: { value: '<mode>', text: 'pairs: which of two images is better; count: how many fingers are wrong (pairs)' },
    question: { value: '<text>', text: 'what raters are asked' },
    count: { value: '<n>', text: 'pairs or images for each rater, repeats and catch pairs aside (200)' },
    arm: { value: '<arm>', multiple: true, text: 'an arm to rate (all)' },
    repeats: { value: '<share>', text: 'share that is shown again (0.05)' },
    catches: { value: '<share>', text: 'share of added pairs of which one side is broken (0.05)' },
    seed: { value: '<seed>', text: 'seed of the choice, the orders and the sides (0)' },
    host: { value: '<address>', text: 'address of this machine to serve on (127.0.0.1: seen from here alone)' },
    port: { value: '<port>', text: 'port to serve on (a free one)' },
    close: { text: 'end the rating for good, and write its results into its folder and the report' },
  },
  example: 'phalanx rate phalanx-lab/studies/demo',
  run: async (given, { terminal, signal }) => {
    const study = absolute(given.positionals[0] as string)
    const name = optionText(given.options, 'name') ?? 'main'
    if (given.options.close) return close(study, name, given, terminal)
    await using rating = await openRating({
      study,
      name,
      settings: settingsOf(given),
      host: optionText(given.options, 'host') ?? '127.0.0.1',
      port: optionNumber(given.options, 'port') ?? 0,
    })
    const { place, link } = rating
    terminal.result({ link, folder: place.folder, items: place.protocol.items.length }, () => link)
    terminal.note(`Open this link in a browser; each rater enters a name. Votes go to ${place.folder}. Ctrl-C ends it.`)
    await ended(signal)
    return exitCodes.interrupted
  },
}

async function close(study: string, name: string, given: Arguments, terminal: Terminal): Promise<number> {
  const vain = Object.keys(given.options).filter((option) => !['close', 'name', 'json'].includes(option))
  if (vain.length > 0) {
    throw new ConfigError({
      code: 'option-without-effect',
      message: `--close only ends a rating that was begun: leave out ${vain.map((option) => `--${option}`).join(', ')}.`,
      facts: { options: vain },
    })
  }
  const result = await closeRating(study, name)
  const report = await buildReport(study)
  terminal.result({ ...result, report: report.html }, () =>
    [...result.metric.rows.map((row) => describeRow(row, result.metric)), report.html].join('\n'),
  )
  return exitCodes.success
}

/** An arm's result in a line. */
function describeRow({ arm, estimate, reason }: MetricRow, { label }: MetricRecord): string {
  if (estimate === null) return `${arm}: ${reason}`
  const [value, low, high] = [estimate.value, estimate.low, estimate.high].map((number) => number.toFixed(2))
  return `${arm}: ${label} ${value} (${low} to ${high})`
}

/** What was said; what was not takes the defaults, or what the rating began with. */
function settingsOf({ options }: Arguments): RatingInput {
  const arms = optionTexts(options, 'arm')
  const said = {
    mode: optionText(options, 'mode'),
    question: optionText(options, 'question'),
    count: optionNumber(options, 'count'),
    arms: arms.length === 0 ? undefined : [...arms],
    repeats: optionNumber(options, 'repeats'),
    catches: optionNumber(options, 'catches'),
    seed: optionNumber(options, 'seed'),
  }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}
