/** What looking at one part of the surroundings gave. */
export interface Check {
  readonly name: string
  /** `missing` is worth knowing and stops nothing. */
  readonly status: 'ok' | 'missing' | 'problem'
  /** What was found, in a line. */
  readonly found: string
  /** What to do; null when nothing is to be done. */
  readonly remedy: string | null
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found, remedy: null }
}

export function missing(name: string, found: string, remedy: string): Check {
  return { name, status: 'missing', found, remedy }
}

export function problem(name: string, found: string, remedy: string): Check {
  return { name, status: 'problem', found, remedy }
}
