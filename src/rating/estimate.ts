import type { MetricRow } from '../artefact/study-record.ts'
import { StatisticsError } from '../errors/index.ts'
import type { Interval } from '../metrics/index.ts'

/** A value with its interval, as records hold it. */
export type Estimate = NonNullable<MetricRow['estimate']>

/** An estimate, or in words why there is none. */
export type Finding<Found> =
  | { readonly found: Found; readonly reason: null }
  | { readonly found: null; readonly reason: string }

/** Puts a value beside its interval. */
export function estimateOf(value: number, { low, high, method }: Interval): Estimate {
  return { value, low, high, method }
}

/** What `take` gives, or the reason why the numbers do not allow it. Rethrows what is no StatisticsError. */
export function findOrSay<Found>(take: () => Found): Finding<Found> {
  try {
    return { found: take(), reason: null }
  } catch (error) {
    if (!(error instanceof StatisticsError)) throw error
    return { found: null, reason: error.message }
  }
}
