/** A confidence interval and how it was made. */
export interface Interval {
  readonly low: number
  readonly high: number
  /** Nominal coverage, for example 0.95. */
  readonly confidence: number
  /** The procedure, in words a methods section would use. */
  readonly method: string
}

/** Nominal coverage of every interval unless told otherwise. */
export const defaultConfidence = 0.95
