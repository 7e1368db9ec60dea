import { z } from 'zod'
import { refused } from './control.ts'
import { jobEvent } from './events.ts'
import { job } from './jobs.ts'
import { epoch } from './launch.ts'
import { jobResult } from './results.ts'
import { wireError } from './wire-error.ts'

/** A frame after the header: a C-contiguous, little-endian array. */
export const blobDescription = z
  .strictObject({
    dtype: z.enum(['uint8', 'int32', 'int64', 'float16', 'float32', 'float64']),
    shape: z.array(z.int().min(0)),
  })
  .meta({ id: 'BlobDescription' })

/** Queues a job. The client makes the id, so that sending it twice does no harm: the second acts as `attach`. */
export const submit = z
  .strictObject({ type: z.literal('submit'), epoch, jobId: z.string(), job })
  .meta({ id: 'Submit' })

/** Asks for a job's messages from a sequence number on, the kept ones first. */
export const attach = z
  .strictObject({ type: z.literal('attach'), epoch, jobId: z.string(), fromSequence: z.int().min(1) })
  .meta({ id: 'Attach' })

/** Wants no more messages of a job, which goes on. */
export const detach = z.strictObject({ type: z.literal('detach'), epoch, jobId: z.string() }).meta({ id: 'Detach' })

/** Gives back room for blobs that the reader has taken. */
export const credit = z
  .strictObject({ type: z.literal('credit'), epoch, jobId: z.string(), bytes: z.int().min(0) })
  .meta({ id: 'Credit' })

export const jobsRequest = z.discriminatedUnion('type', [submit, attach, detach, credit]).meta({ id: 'JobsRequest' })
export type JobsRequest = z.output<typeof jobsRequest>

export const accepted = z
  .strictObject({ type: z.literal('accepted'), epoch, jobId: z.string() })
  .meta({ id: 'Accepted' })

/** Answer to `attach`: what follows starts at `fromSequence`. */
export const replay = z
  .strictObject({ type: z.literal('replay'), epoch, jobId: z.string(), fromSequence: z.int() })
  .meta({ id: 'Replay' })

/** Answer to `attach`: messages that were asked for are no longer kept; what follows starts at `firstAvailable`. */
export const gap = z
  .strictObject({
    type: z.literal('gap'),
    epoch,
    jobId: z.string(),
    fromSequence: z.int(),
    firstAvailable: z.int(),
  })
  .meta({ id: 'Gap' })

/** The job is held back until this reader gives credit. */
export const waiting = z
  .strictObject({ type: z.literal('waiting'), epoch, jobId: z.string(), outstandingBytes: z.int() })
  .meta({ id: 'Waiting' })

const numbered = {
  epoch,
  jobId: z.string(),
  /** 1-based position among the job's messages. */
  sequence: z.int(),
  /** Progress events dropped just before this message because the reader lagged. */
  droppedProgress: z.int(),
}

export const event = z
  .strictObject({ type: z.literal('event'), ...numbered, event: jobEvent, blobs: z.array(blobDescription) })
  .meta({ id: 'Event' })
export type EventMessage = z.output<typeof event>

export const done = z.strictObject({ type: z.literal('done'), ...numbered, result: jobResult }).meta({ id: 'Done' })

export const failed = z
  .strictObject({ type: z.literal('failed'), ...numbered, error: wireError })
  .meta({ id: 'Failed' })

export const cancelled = z
  .strictObject({
    type: z.literal('cancelled'),
    ...numbered,
    /** What it took: nothing had begun, the job stopped at a boundary, or an exception was raised inside it. */
    level: z.enum(['queued', 'cooperative', 'exception']),
    /** From the request to the end of the job. */
    milliseconds: z.number(),
    /** Whether the same job would go on from `checkpoint`. */
    resumable: z.boolean(),
    checkpoint: z.string().nullable(),
  })
  .meta({ id: 'Cancelled' })
export type Cancelled = z.output<typeof cancelled>

export const jobsReply = z
  .discriminatedUnion('type', [refused, accepted, replay, gap, waiting, event, done, failed, cancelled])
  .meta({ id: 'JobsReply' })
export type JobsReply = z.output<typeof jobsReply>
