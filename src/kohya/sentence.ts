/** Collects options, and what cannot be said with them. */
export class Sentence {
  readonly options: string[] = []
  readonly refused: string[] = []

  /** `--name value value`. */
  say(name: string, ...values: readonly (string | number)[]): void {
    this.options.push(`--${name}`, ...values.map(String))
  }

  /** Keeps the setting at `path` from being driven. */
  refuse(path: string, why: string): void {
    this.refused.push(`${path}: ${why}`)
  }
}

/** Does not compile when a setting is neither said nor refused. */
export function nothingIsLeft(_settings: Readonly<Record<string, never>>): void {
  return
}
