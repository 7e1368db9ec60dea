import { randomUUID } from 'node:crypto'
import type { WorkerSettings } from '../config/worker.ts'
import { ConfigError } from '../errors/index.ts'
import { type Job, job as jobSchema } from '../protocol/jobs.ts'
import { Run } from './run.ts'

/** A run that no worker does yet. Throws ConfigError (`invalid-job`) for a job the worker would refuse. */
export function newRun(
  job: Job | null,
  settings: WorkerSettings,
  options: { readonly jobId?: string; readonly signal?: AbortSignal },
  onSettled: (run: Run) => void,
): Run {
  return new Run({
    jobId: options.jobId ?? randomUUID(),
    job: job === null ? null : checked(job),
    progressBuffer: settings.progressBuffer,
    cancelGraceMilliseconds: settings.cancelGraceSeconds * 1000,
    cancelKillMilliseconds: settings.cancelKillSeconds * 1000,
    signal: options.signal,
    onSettled,
  })
}

function checked(job: Job): Job {
  const result = jobSchema.safeParse(job)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new ConfigError({
    code: 'invalid-job',
    message: `The job cannot be sent: ${issue?.path.join('.')}: ${issue?.message}`,
    facts: { path: issue?.path.join('.') },
    cause: result.error,
  })
}
