import { z } from 'zod'
import { epoch } from './launch.ts'

/** Number of the message set; raised when an older peer could misread a newer one. */
export const protocolVersion = 1

export const hello = z
  .strictObject({
    type: z.literal('hello'),
    epoch,
    protocolVersion: z.int(),
    schemaSha256: z.string(),
    /** Name and version of the client, for the worker's status. */
    client: z.string(),
  })
  .meta({ id: 'Hello' })

export const ping = z.strictObject({ type: z.literal('ping'), epoch, id: z.int() }).meta({ id: 'Ping' })

export const statusRequest = z
  .strictObject({ type: z.literal('status-request'), epoch, id: z.int() })
  .meta({ id: 'StatusRequest' })

/** Stops a job: `cooperative` at its next boundary, `exception` wherever its Python code is. */
export const cancel = z
  .strictObject({ type: z.literal('cancel'), epoch, jobId: z.string(), how: z.enum(['cooperative', 'exception']) })
  .meta({ id: 'Cancel' })

/** Ends the worker. */
export const shutdown = z.strictObject({ type: z.literal('shutdown'), epoch }).meta({ id: 'Shutdown' })

export const controlRequest = z
  .discriminatedUnion('type', [hello, ping, statusRequest, cancel, shutdown])
  .meta({ id: 'ControlRequest' })
export type ControlRequest = z.output<typeof controlRequest>

export const welcome = z
  .strictObject({
    type: z.literal('welcome'),
    epoch,
    schemaSha256: z.string(),
    pid: z.int(),
    device: z.string(),
    /** Versions by package name; packages that are not installed are left out. */
    versions: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Welcome' })
export type Welcome = z.output<typeof welcome>

/** The message cannot be acted on. */
export const refused = z
  .strictObject({
    type: z.literal('refused'),
    epoch,
    reason: z.enum(['malformed', 'stale-epoch', 'schema-mismatch', 'version-mismatch', 'unknown-job']),
    message: z.string(),
    /** The job it was about, null when none. */
    jobId: z.string().nullable(),
  })
  .meta({ id: 'Refused' })
export type Refused = z.output<typeof refused>

export const pong = z.strictObject({ type: z.literal('pong'), epoch, id: z.int() }).meta({ id: 'Pong' })

export const status = z
  .strictObject({
    type: z.literal('status'),
    epoch,
    id: z.int(),
    running: z.string().nullable(),
    queued: z.array(z.string()),
    uptimeSeconds: z.number(),
    residentBytes: z.int(),
  })
  .meta({ id: 'Status' })

/** Last message before the worker ends. */
export const bye = z.strictObject({ type: z.literal('bye'), epoch }).meta({ id: 'Bye' })

export const controlReply = z
  .discriminatedUnion('type', [welcome, refused, pong, status, bye])
  .meta({ id: 'ControlReply' })
export type ControlReply = z.output<typeof controlReply>
