import { type Command, callOf, type OptionDefinition } from './command.ts'
import { exitCodeTexts } from './exit-codes.ts'
import { commonOptions } from './parse-arguments.ts'

/** What `phalanx --help` prints. */
export function describeProgram(commands: readonly Command[]): string {
  return [
    'phalanx: a lab for repairing fine detail, human hands first, in Stable Diffusion',
    '',
    'Usage: phalanx <command> [options]',
    '',
    ...table(commands.map(({ name, positionals, summary }) => [[name, ...positionals].join(' '), summary])),
    '',
    'Every command takes --json and --help.',
    '',
    'Exit codes:',
    ...table(Object.entries(exitCodeTexts)),
  ].join('\n')
}

/** What `phalanx <command> --help` prints. */
export function describeCommand(command: Command): string {
  const { summary, positionals, options, example } = command
  const rows = Object.entries<OptionDefinition>({ ...options, ...commonOptions }).map(
    ([option, { value, multiple, text }]): [string, string] => [
      value === undefined ? `--${option}` : `--${option} ${value}`,
      multiple ? `${text}; may be repeated` : text,
    ],
  )
  return [
    `${callOf(command)}: ${summary}`,
    '',
    `Usage: ${[callOf(command), ...positionals].join(' ')} [options]`,
    '',
    ...table(rows),
    '',
    `Example: ${example}`,
  ].join('\n')
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
