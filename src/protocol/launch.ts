import { z } from 'zod'
import { wireError } from './wire-error.ts'

/** Names one incarnation of a worker; a message with another one is refused. */
export const epoch = z.string().regex(/^[0-9a-f]{16}$/)

/** Public half of a CURVE key pair: 32 bytes in Z85 (ZeroMQ RFC 26 and 32). */
const publicKey = z.string().length(40)

/** TCP addresses a worker listens on beside its private ones, and who may use them. */
export const network = z
  .strictObject({
    /** `tcp://host:port`, or `tcp://host:*` for a port that is free. */
    controlEndpoint: z.string(),
    jobsEndpoint: z.string(),
    /** Only who has the secret half of this key gets an answer. */
    clientKey: publicKey,
  })
  .meta({ id: 'Network' })
export type Network = z.output<typeof network>

/** The worker's only argument, as JSON: everything it must know before it can talk. */
export const launch = z
  .strictObject({
    epoch,
    /** ZeroMQ address of the control socket. */
    controlEndpoint: z.string(),
    /** ZeroMQ address of the jobs socket. */
    jobsEndpoint: z.string(),
    network: network.nullable(),
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

/** The line on the ready descriptor. */
export const ready = z
  .strictObject({
    type: z.literal('ready'),
    pid: z.int().min(1),
    epoch,
    /** Where others connect: over TCP when it listens there. */
    controlEndpoint: z.string(),
    jobsEndpoint: z.string(),
    /** The worker's own CURVE key, made anew by every incarnation; null when it listens in its private folder alone. */
    serverKey: publicKey.nullable(),
    schemaSha256: z.string().length(64),
  })
  .meta({ id: 'Ready' })
export type Ready = z.output<typeof ready>

/** The line on the ready descriptor when the worker cannot serve. */
export const startFailed = z
  .strictObject({ type: z.literal('start-failed'), error: wireError })
  .meta({ id: 'StartFailed' })

export const startReport = z.discriminatedUnion('type', [ready, startFailed]).meta({ id: 'StartReport' })
