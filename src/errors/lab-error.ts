/** Facts of a failure, as fields a program can read. */
export type ErrorFacts = Readonly<Record<string, unknown>>

export interface LabErrorOptions {
  /** What failed, in lower-case words joined by hyphens; stable across versions. */
  readonly code: string
  /** What happened and what to do next. */
  readonly message: string
  readonly facts?: ErrorFacts
  readonly cause?: unknown
}

const marker = Symbol.for('phalanx.lab-error')

/**
 * Base of every error this package throws. Sub-classes name the place of failure; `code` names the failure,
 * `facts` carries its particulars, and the message says what to do next.
 */
export abstract class LabError extends Error {
  readonly code: string
  readonly facts: ErrorFacts
  readonly [marker] = true

  constructor(options: LabErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = options.code
    this.facts = Object.freeze({ ...options.facts })
  }

  /** True for an error of this package, also when two copies of it are loaded. */
  static isInstance(value: unknown): value is LabError {
    return typeof value === 'object' && value !== null && marker in value
  }
}
