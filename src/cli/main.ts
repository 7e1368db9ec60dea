#!/usr/bin/env node
import { ConfigError } from '../errors/index.ts'
import { catchInterrupts } from '../lab/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import type { Command } from './command.ts'
import { doctor } from './commands/doctor.ts'
import { report } from './commands/report.ts'
import { run } from './commands/run.ts'
import { sample } from './commands/sample.ts'
import { train } from './commands/train.ts'
import { worker } from './commands/worker.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { describeCommand, describeProgram } from './help.ts'
import { parseArguments } from './parse-arguments.ts'
import { openTerminal } from './terminal.ts'

const commands: readonly Command[] = [run, train, sample, report, doctor, worker]

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...words]: readonly string[]): Promise<number> {
  const terminal = openTerminal({ json: words.includes('--json') })
  using interrupt = catchInterrupts(() => terminal.note('Stopping after this step; Ctrl-C again ends at once.'))
  try {
    if (name === undefined || name === '--help' || name === 'help') {
      terminal.print(describeProgram(commands))
      return name === undefined ? exitCodes.usage : exitCodes.success
    }
    const command = findCommand(name)
    const given = parseArguments(command, words)
    if (given.options.help) {
      terminal.print(describeCommand(command))
      return exitCodes.success
    }
    return await command.run(given, { terminal, signal: interrupt.signal })
  } catch (error) {
    if (interrupt.signal.aborted) {
      terminal.note('Interrupted. Run the same command again to go on.')
      return exitCodes.interrupted
    }
    terminal.fail(error)
    return exitCodeOf(error)
  }
}

function findCommand(name: string): Command {
  const names = commands.map((command) => command.name)
  const command = commands.find((candidate) => candidate.name === name)
  if (command !== undefined) return command
  const nearest = nearestName(name, names)
  throw new ConfigError({
    code: 'unknown-command',
    message: `There is no command "${name}". ${nearest === undefined ? `The commands are ${names.join(', ')}.` : `Did you mean "${nearest}"?`}`,
    facts: { name, names },
  })
}
