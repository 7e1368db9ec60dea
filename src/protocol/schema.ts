import { z } from 'zod'
import { controlReply, controlRequest } from './control.ts'
import { jobsReply, jobsRequest } from './job-messages.ts'
import { datasetItem } from './jobs.ts'
import { launch, startReport } from './launch.ts'

/** Everything that crosses the wire or is read by both languages; the generator walks its named definitions. */
export const protocolSchema = z.strictObject({
  launch,
  startReport,
  controlRequest,
  controlReply,
  jobsRequest,
  jobsReply,
  datasetItem,
})
