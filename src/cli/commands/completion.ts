import { ConfigError } from '../../errors/index.ts'
import type { Command } from '../command.ts'
import { completionScript, type Shell, shells } from '../completion-script.ts'
import { exitCodes } from '../exit-codes.ts'

/** `phalanx completion`: makes a shell complete what is typed. */
export function completion(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: `print the script that makes a shell complete commands and options: ${shells.join(', ')}`,
    positionals: ['<shell>'],
    options: {},
    example: 'phalanx completion bash >> ~/.bashrc',
    run: async ({ positionals }, { terminal }) => {
      const [name] = positionals
      if (!isShell(name)) {
        throw new ConfigError({
          code: 'unknown-shell',
          message: `There is no completion for "${name}". The shells are ${shells.join(', ')}.`,
          facts: { shell: name, shells },
        })
      }
      const script = completionScript(name, commands())
      terminal.result({ shell: name, script }, () => script.trimEnd())
      return exitCodes.success
    },
  }
}

function isShell(name: string | undefined): name is Shell {
  return shells.some((shell) => shell === name)
}
