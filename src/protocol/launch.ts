import { z } from 'zod'
import { wireError } from './wire-error.ts'

/** Names one incarnation of a worker; a message with another one is refused. */
export const epoch = z.string().regex(/^[0-9a-f]{16}$/)

/** The worker's only argument, as JSON: everything it must know before it can talk. */
export const launch = z
  .strictObject({
    epoch,
    /** ZeroMQ address of the control socket. */
    controlEndpoint: z.string(),
    /** ZeroMQ address of the jobs socket. */
    jobsEndpoint: z.string(),
    /** File descriptor on which the worker says that it is ready. */
    readyDescriptor: z.int().min(3),
    /** The process whose end ends the worker. */
    parentPid: z.int().min(1),
    device: z.string(),
    /** Files that receive what the worker prints. */
    stdoutFile: z.string(),
    stderrFile: z.string(),
    /** Unsent progress events kept per job. */
    progressBuffer: z.int().min(1),
    /** Bytes of blobs on the way to a reader before the job waits. */
    blobCreditBytes: z.int().min(1),
    /** Messages kept per job for a reader that comes back. */
    journalMessages: z.int().min(1),
  })
  .meta({ id: 'Launch' })
export type Launch = z.output<typeof launch>

/** The line on the ready descriptor, and the content of an endpoint file. */
export const ready = z
  .strictObject({
    type: z.literal('ready'),
    pid: z.int().min(1),
    epoch,
    controlEndpoint: z.string(),
    jobsEndpoint: z.string(),
    schemaSha256: z.string().length(64),
  })
  .meta({ id: 'Ready' })
export type Ready = z.output<typeof ready>

/** The line on the ready descriptor when the worker cannot serve. */
export const startFailed = z
  .strictObject({ type: z.literal('start-failed'), error: wireError })
  .meta({ id: 'StartFailed' })

export const startReport = z.discriminatedUnion('type', [ready, startFailed]).meta({ id: 'StartReport' })
