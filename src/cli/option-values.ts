import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import type { Arguments } from './command.ts'

type Options = Arguments['options']

/** Text of an option that is given at most once. */
export function optionText(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/** All texts of an option that may be repeated. */
export function optionTexts(options: Options, name: string): readonly string[] {
  const value = options[name]
  return Array.isArray(value) ? value : []
}

/** A number; range and wholeness are the settings' matter. Throws ConfigError (`not-a-number`). */
export function optionNumber(options: Options, name: string): number | undefined {
  const text = optionText(options, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new ConfigError({
    code: 'not-a-number',
    message: `--${name} must be a number, not "${text}".`,
    facts: { option: name, text },
  })
}

/** One of some names. Throws ConfigError (`unknown-value`) with the nearest one. */
export function optionChoice<Name extends string>(
  options: Options,
  name: string,
  names: readonly Name[],
): Name | undefined {
  const text = optionText(options, name)
  const found = names.find((known) => known === text)
  if (found !== undefined || text === undefined) return found
  const nearest = nearestName(text, names)
  const help = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  throw new ConfigError({
    code: 'unknown-value',
    message: `--${name} must be ${names.slice(0, -1).join(', ')} or ${names.at(-1)}, not "${text}".${help}`,
    facts: { option: name, text, names },
  })
}

const mostNumbers = 10_000

/** Whole numbers as `1-8,12`. Throws ConfigError (`not-a-list`). */
export function parseRuns(name: string, text: string): number[] {
  const numbers = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? []
    const [from, to] = [Number(first), Number(last)]
    if (first === undefined || to < from || to - from >= mostNumbers || !Number.isSafeInteger(to)) {
      throw new ConfigError({
        code: 'not-a-list',
        message: `--${name} must be whole numbers up to ${Number.MAX_SAFE_INTEGER} like 1-8,12, not "${text}".`,
        facts: { option: name, text },
      })
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
  return [...new Set(numbers)]
}
