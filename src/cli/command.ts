import type { Terminal } from './terminal.ts'

/** An option of a command line. */
export interface OptionDefinition {
  /** What its value is, as in `<folder>`; without one the option is a switch. */
  readonly value?: string
  /** May be given several times. */
  readonly multiple?: boolean
  /** One line for the help. */
  readonly text: string
}

/** A command line taken apart: switches are true, the others text, lists of text when given several times. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | readonly string[]>>
}

export interface CommandContext {
  readonly terminal: Terminal
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal
}

/** One command of `phalanx`. */
export interface Command {
  readonly name: string
  /** How it is called, where that is not `phalanx <name>`. */
  readonly call?: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What follows the name, as in `<study.ts>`. */
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, OptionDefinition>>
  /** An example a person can copy. */
  readonly example: string
  /** Does it and gives the exit code. */
  run(given: Arguments, context: CommandContext): Promise<number>
}

/** What a person types before the arguments of a command. */
export function callOf({ name, call }: Command): string {
  return call ?? `phalanx ${name}`
}
