import { z } from 'zod'
import { jobEvent } from './events.ts'
import { datasetItem, job } from './jobs.ts'
import { jobResult } from './results.ts'

/** Everything that crosses the wire or is read by both languages; the generator walks its named definitions. */
export const protocolSchema = z.strictObject({ job, event: jobEvent, result: jobResult, datasetItem })
