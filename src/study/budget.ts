import { z } from 'zod'

/** What one run of a study may take; what does not fit is left for the next run. Null is no limit. */
export const budgetDefinition = z.strictObject({
  /** Cells that are run. */
  cells: z.int().min(1).nullable().default(null),
  /** Wall-clock time after which no cell is started. */
  seconds: z.number().gt(0).finite().nullable().default(null),
  /** Disk that finished cells take, after which no cell is started. */
  bytes: z.int().min(1).nullable().default(null),
})
export type Budget = z.output<typeof budgetDefinition>

/** What a run has taken so far. */
export interface Spending {
  readonly cells: number
  readonly seconds: number
  readonly bytes: number
}

/** Which part of a budget is used up, in words; null while another cell may start. */
export function spentPart(budget: Budget, spending: Spending): string | null {
  const { cells, seconds, bytes } = budget
  if (cells !== null && spending.cells >= cells) return `${cells} cells`
  if (seconds !== null && spending.seconds >= seconds) return `${seconds} seconds`
  if (bytes !== null && spending.bytes >= bytes) return `${bytes} bytes`
  return null
}
