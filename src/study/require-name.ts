import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'

/** Throws ConfigError (`unknown-<noun>`, with the nearest that there is) for a name that refers to nothing. */
export function requireName(where: string, name: string, names: readonly string[], noun: string): void {
  if (names.includes(name)) return
  const nearest = nearestName(name, names)
  throw new ConfigError({
    code: `unknown-${noun}`,
    message: `${where}: there is no ${noun} "${name}" in this study.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
    facts: { where, name, names },
  })
}
