import { catchInterrupts } from '../lab/index.ts'
import type { Command } from './command.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { describeCommand } from './help.ts'
import { parseArguments } from './parse-arguments.ts'
import { openTerminal, type Terminal } from './terminal.ts'

/** Runs one command with the words after its name and gives the exit code; whatever fails is told, nothing thrown. */
export function runCommand(command: Command, words: readonly string[]): Promise<number> {
  return inTerminal(words, async (terminal, signal) => {
    const given = parseArguments(command, words)
    if (!given.options.help) return command.run(given, { terminal, signal })
    terminal.print(describeCommand(command))
    return exitCodes.success
  })
}

/** Gives an action the terminal and Ctrl-C, and turns what it throws into a message and an exit code. */
export async function inTerminal(
  words: readonly string[],
  action: (terminal: Terminal, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const terminal = openTerminal({ json: words.includes('--json') })
  using interrupt = catchInterrupts(() => terminal.note('Stopping after this step; Ctrl-C again ends at once.'))
  try {
    return await action(terminal, interrupt.signal)
  } catch (error) {
    if (interrupt.signal.aborted) {
      terminal.note('Interrupted. Run the same command again to go on.')
      return exitCodes.interrupted
    }
    terminal.fail(error)
    return exitCodeOf(error)
  } finally {
    terminal.close()
  }
}
