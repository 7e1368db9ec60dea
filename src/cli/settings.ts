import { readFile } from 'node:fs/promises'
import { technique } from '../config/technique.ts'
import { ConfigError } from '../errors/index.ts'
import type { Arguments, OptionDefinition } from './command.ts'
import { optionText, optionTexts } from './option-values.ts'

const types = technique.options.map(({ shape }) => shape.type.value)

/** Options of every command that is told the settings of a training. */
export const settingOptions: Readonly<Record<string, OptionDefinition>> = {
  technique: { value: '<type>', text: `${types.join(', ')} (lora)` },
  config: {
    value: '<file>',
    text: 'JSON file with settings, as { "technique": { "type": "lora", "rank": 8 }, "steps": 400 }',
  },
  set: { value: '<setting=value>', multiple: true, text: 'a setting by its path, as steps=400 or technique.rank=8' },
}

/**
 * The settings that a command line says: those of its file, over them the technique's type, over that each single one.
 * What the lab knows of names and ranges is checked there. Throws ConfigError (`config-unreadable`, `not-a-setting`,
 * `said-as-option`).
 */
export async function readSettings({ options }: Arguments): Promise<Record<string, unknown>> {
  const file = optionText(options, 'config')
  const held = file === undefined ? {} : await readConfig(file)
  const type = optionText(options, 'technique') ?? ('technique' in held ? undefined : 'lora')
  const assignments = [...(type === undefined ? [] : [`technique.type=${type}`]), ...optionTexts(options, 'set')]
  const settings = parseSettings(assignments, held)
  const misplaced = ['base', 'dataset'].find((name) => name in settings)
  if (misplaced === undefined) return settings
  throw new ConfigError({
    code: 'said-as-option',
    message: `The ${misplaced} is no setting: it is named on the command line, as --help says.`,
    facts: { setting: misplaced },
  })
}

async function readConfig(file: string): Promise<Record<string, unknown>> {
  const refuse = (cause: unknown) =>
    new ConfigError({
      code: 'config-unreadable',
      message: `${file} cannot be used as settings: ${(cause as Error).message}. It must be JSON with an object of settings.`,
      facts: { file },
      cause,
    })
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Record<string, unknown>
  } catch (cause) {
    throw refuse(cause)
  }
  throw refuse(new Error('it holds no object'))
}

/**
 * Settings written as `path=value` put into an object; a value is read as JSON, else taken as text. Throws ConfigError
 * (`not-a-setting`).
 */
export function parseSettings(
  assignments: readonly string[],
  settings: Record<string, unknown> = {},
): Record<string, unknown> {
  for (const assignment of assignments) {
    const [, path, value] = /^([A-Za-z][\w.]*)=(.*)$/s.exec(assignment) ?? []
    if (path === undefined || value === undefined || path.split('.').some((key) => key === '' || key === '__proto__')) {
      throw new ConfigError({
        code: 'not-a-setting',
        message: `--set takes setting=value, as steps=400 or technique.rank=8, not "${assignment}".`,
        facts: { assignment },
      })
    }
    place(settings, path.split('.'), readValue(value))
  }
  return settings
}

function place(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[key] = value
    return
  }
  const held = target[key]
  const inner = typeof held === 'object' && held !== null ? (held as Record<string, unknown>) : {}
  target[key] = inner
  place(inner, rest, value)
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
