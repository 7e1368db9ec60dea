import { ConfigError } from '../errors/index.ts'

/** Settings written as `path=value` made into an object; a value is read as JSON, else taken as text. Throws ConfigError. */
export function parseSettings(assignments: readonly string[]): Record<string, unknown> {
  const settings: Record<string, unknown> = {}
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
