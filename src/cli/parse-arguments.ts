import { parseArgs } from 'node:util'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { type Arguments, type Command, callOf, type OptionDefinition } from './command.ts'

/** Options of every command. */
export const commonOptions: Readonly<Record<string, OptionDefinition>> = {
  json: { text: 'print the result, or the error, as one JSON document and nothing else' },
  help: { text: 'print this and end' },
}

/**
 * Takes a command line apart. Throws ConfigError (`unknown-option` with the nearest name, `option-value-missing`,
 * `option-value-unexpected`, `repeated-option`, `wrong-arguments`).
 */
export function parseArguments(command: Command, words: readonly string[]): Arguments {
  const known = { ...command.options, ...commonOptions }
  const { tokens, positionals } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries(known).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const options: Record<string, string | boolean | string[]> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const definition = known[token.name]
    if (definition === undefined) throw unknownOption(command, token.rawName, Object.keys(known))
    const value = readValue(command, definition, token)
    const before = options[token.name]
    if (definition.multiple) options[token.name] = [...((before as string[] | undefined) ?? []), value as string]
    else if (before === undefined) options[token.name] = value
    else throw usage(command, 'repeated-option', `${token.rawName} is given twice. Give it once.`)
  }
  if (!options.help) requirePositionals(command, positionals)
  return { positionals, options }
}

function readValue(
  command: Command,
  { value: wanted }: OptionDefinition,
  { rawName, value }: { readonly rawName: string; readonly value?: string | undefined },
): string | true {
  if (wanted === undefined) {
    if (value === undefined) return true
    throw usage(command, 'option-value-unexpected', `${rawName} takes no value. Leave out "=${value}".`)
  }
  if (value !== undefined && value !== '') return value
  throw usage(command, 'option-value-missing', `${rawName} needs a value: ${rawName} ${wanted}.`)
}

function requirePositionals(command: Command, given: readonly string[]): void {
  const wanted = command.positionals
  if (given.length === wanted.length) return
  const text =
    given.length < wanted.length
      ? `${wanted.slice(given.length).join(' ')} is missing.`
      : `${given
          .slice(wanted.length)
          .map((word) => `"${word}"`)
          .join(', ')} is too much.`
  throw usage(command, 'wrong-arguments', `${text} Write: ${[callOf(command), ...wanted].join(' ')}.`)
}

function unknownOption(command: Command, rawName: string, names: readonly string[]): ConfigError {
  const nearest = nearestName(rawName.replace(/^-+/, ''), names)
  const help =
    nearest === undefined ? `See ${callOf(command)} --help for the options there are.` : `Did you mean --${nearest}?`
  return usage(command, 'unknown-option', `${callOf(command)} has no option ${rawName}. ${help}`)
}

function usage(command: Command, code: string, message: string): ConfigError {
  return new ConfigError({ code, message, facts: { command: command.name } })
}
