import {
  ArtefactError,
  ConfigError,
  DatasetError,
  JobError,
  type LabError,
  ProtocolError,
  WorkerError,
} from '../errors/index.ts'
import type { Refused } from '../protocol/control.ts'
import type { Cancelled } from '../protocol/job-messages.ts'
import type { WireError } from '../protocol/wire-error.ts'

const classes = {
  config: ConfigError,
  worker: WorkerError,
  protocol: ProtocolError,
  job: JobError,
  dataset: DatasetError,
  artefact: ArtefactError,
} as const

/** The exception as it was in Python; `stack` is its traceback. */
export class PythonException extends Error {
  constructor(className: string, message: string, traceback?: string, cause?: Error) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = className
    if (traceback !== undefined) this.stack = traceback
  }
}

/** A failure inside the worker as a typed error, with the Python exceptions as its causes. */
export function errorFromWire(wire: WireError): LabError {
  const chain = wire.causes.reduceRight<PythonException | undefined>(
    (cause, { className, message }) => new PythonException(className, message, undefined, cause),
    undefined,
  )
  return new classes[wire.place]({
    code: wire.code,
    message: wire.code === 'python-exception' ? `${wire.className}: ${wire.message}` : wire.message,
    facts: { ...wire.facts, className: wire.className, logLines: wire.logLines, retryable: wire.retryable },
    cause: new PythonException(wire.className, wire.message, wire.traceback, chain),
  })
}

const refusals: Readonly<Record<Refused['reason'], string>> = {
  malformed: 'The worker could not read a message; both sides must come from the same version of the package.',
  'stale-epoch': 'The message was meant for an earlier worker at the same address; attach again.',
  'schema-mismatch': 'The worker has another message schema; start it from the same version of the package.',
  'version-mismatch': 'The worker speaks another protocol version; start it from the same version of the package.',
  'unknown-job': 'The worker does not know this job, or no longer; submit it again.',
}

/** A message that the worker did not act on. */
export function errorFromRefusal(refused: Refused): ProtocolError {
  return new ProtocolError({
    code: refused.reason,
    message: `${refusals[refused.reason]} It said: ${refused.message}`,
    facts: { jobId: refused.jobId },
  })
}

/** How a job ended that was asked to stop; `killed` means that its whole process was. */
export interface CancelOutcome extends Pick<Cancelled, 'milliseconds' | 'resumable' | 'checkpoint'> {
  readonly level: Cancelled['level'] | 'killed'
}

/** A job that was stopped on request. */
export function cancelledError(jobId: string, outcome: CancelOutcome, reason: unknown): JobError {
  const { level, milliseconds, resumable, checkpoint } = outcome
  return new JobError({
    code: 'job-cancelled',
    message: `The job was cancelled.${resumable ? ' Submitting it again goes on from its last checkpoint.' : ''}`,
    facts: { jobId, level, milliseconds, resumable, checkpoint },
    cause: reason,
  })
}
