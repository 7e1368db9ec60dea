import { ConfigError } from '../errors/index.ts'
import { interruptedExitCode } from '../lab/index.ts'

/** How every command ends. */
export const exitCodes = { success: 0, failure: 1, usage: 2, interrupted: interruptedExitCode } as const

/** What each exit code means, for the help. */
export const exitCodeTexts: Readonly<Record<number, string>> = {
  [exitCodes.success]: 'done',
  [exitCodes.failure]: 'something failed: a cell of a study, a check of doctor, a worker, a file',
  [exitCodes.usage]: 'what was written cannot be used: an unknown command, option or setting',
  [exitCodes.interrupted]: 'interrupted by Ctrl-C; a training was saved and goes on when run again',
}

export function exitCodeOf(error: unknown): number {
  return error instanceof ConfigError ? exitCodes.usage : exitCodes.failure
}
