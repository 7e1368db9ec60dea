import { z } from 'zod'

/** One exception of a chain. */
export const errorCause = z.strictObject({ className: z.string(), message: z.string() }).meta({ id: 'ErrorCause' })

/** A failure inside the worker, as data. */
export const wireError = z
  .strictObject({
    /** Where it failed; decides the class of the error on this side. */
    place: z.enum(['config', 'worker', 'protocol', 'job', 'dataset', 'artefact']),
    /** Stable name of the failure. */
    code: z.string(),
    message: z.string(),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    /** Python class with its module. */
    className: z.string(),
    traceback: z.string(),
    /** What it was raised from, nearest first. */
    causes: z.array(errorCause),
    /** What the worker printed last. */
    logLines: z.array(z.string()),
    /** Whether the same job may succeed when it is tried again. */
    retryable: z.boolean(),
  })
  .meta({ id: 'WireError' })
export type WireError = z.output<typeof wireError>
