#!/usr/bin/env node
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import type { Command } from './command.ts'
import { completion } from './commands/completion.ts'
import { curate } from './commands/curate.ts'
import { doctor } from './commands/doctor.ts'
import { explain } from './commands/explain.ts'
import { exportCommand } from './commands/export.ts'
import { extract } from './commands/extract.ts'
import { gc } from './commands/gc.ts'
import { rate } from './commands/rate.ts'
import { render } from './commands/render.ts'
import { repl } from './commands/repl.ts'
import { report } from './commands/report.ts'
import { review } from './commands/review.ts'
import { run } from './commands/run.ts'
import { sample } from './commands/sample.ts'
import { train } from './commands/train.ts'
import { validate } from './commands/validate.ts'
import { why } from './commands/why.ts'
import { worker } from './commands/worker.ts'
import { exitCodes } from './exit-codes.ts'
import { describeProgram } from './help.ts'
import { inTerminal, runCommand } from './run-command.ts'

const commands: readonly Command[] = [
  run,
  why,
  explain,
  train,
  extract,
  sample,
  curate,
  exportCommand,
  render,
  repl,
  report,
  validate,
  review,
  rate,
  gc,
  doctor,
  worker,
  completion(() => commands),
]

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...words]: readonly string[]): Promise<number> {
  const command = commands.find((candidate) => candidate.name === name)
  if (command !== undefined) return runCommand(command, words)
  return inTerminal(words, async (terminal) => {
    if (name !== undefined && name !== '--help' && name !== 'help') throw unknownCommand(name)
    terminal.print(describeProgram(commands))
    return name === undefined ? exitCodes.usage : exitCodes.success
  })
}

function unknownCommand(name: string): ConfigError {
  const names = commands.map((command) => command.name)
  const nearest = nearestName(name, names)
  const help = nearest === undefined ? `The commands are ${names.join(', ')}.` : `Did you mean "${nearest}"?`
  return new ConfigError({
    code: 'unknown-command',
    message: `There is no command "${name}". ${help}`,
    facts: { name, names },
  })
}
