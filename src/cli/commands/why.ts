import { type CellReason, planStudy, whyCell } from '../../study/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { loadStudy } from '../load-study.ts'

/** `phalanx why`: says why a cell of a study is cached or not. */
export const why: Command = {
  name: 'why',
  summary: 'say why a cell of a study is cached or must run: which part of its key differs from which finished cell',
  positionals: ['<study.ts>', '<cell>'],
  options: labOptions,
  example: "phalanx why study.ts 'training of lora rank=8'",
  run: async (given, context) => {
    const [path = '', cell = ''] = given.positionals
    const study = await loadStudy(path)
    await using lab = await openLabInTerminal({ ...labPlaceOf(given), wait: true }, context)
    const reason = await whyCell(lab, await planStudy(lab, study), cell)
    context.terminal.result(reason, () => [...describe(reason)].join('\n'))
    return exitCodes.success
  },
}

function* describe({ key, label, cached, interrupted, missingNeeds, nearest }: CellReason): Generator<string> {
  yield `${label} (${key})`
  if (cached) {
    yield 'is finished: code, environment, inputs and seeds are those of the finished cell, so it is not run again.'
    return
  }
  yield interrupted ? 'is not finished; an interrupted attempt is kept.' : 'is not finished.'
  for (const need of missingNeeds) yield `  needs ${need}, which is not finished either`
  if (nearest === null) {
    yield 'No finished cell of its kind says what its key was made from, so there is nothing to compare with.'
    return
  }
  yield `Most like it is ${nearest.label} (${nearest.key}). What differs:`
  for (const { path, wanted, found } of nearest.differences)
    yield `  ${path}: ${inWords(wanted)}, there ${inWords(found)}`
}

function inWords(value: unknown): string {
  const text = value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
