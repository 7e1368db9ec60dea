/** How many tests ended how. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const emptyTally: Tally = { passed: 0, failed: 0, skipped: 0 }

export function addTallies(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

/** A runner that fails although none of its tests did counts as one failure. */
export function withExitCode(tally: Tally, exitCode: number | undefined): Tally {
  return exitCode === 0 || tally.failed > 0 ? tally : { ...tally, failed: 1 }
}

/** `12 passed, 0 failed`, with `, 3 skipped` when some were. */
export function describeTally({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
