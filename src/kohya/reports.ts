import { z } from 'zod'
import { checkpointEndEvent, phaseStartEvent, stepEndEvent, stepSkipEvent } from '../protocol/events.ts'
import { trainResult } from '../protocol/results.ts'

/** A line of `kohya_runner`. */
export const report = z.discriminatedUnion('type', [
  phaseStartEvent,
  stepEndEvent,
  stepSkipEvent,
  checkpointEndEvent,
  z.strictObject({ type: z.literal('preview-end'), step: z.int(), path: z.string() }),
  z.strictObject({ type: z.literal('cancelled'), checkpoint: z.string().nullable() }),
  z.strictObject({
    type: z.literal('failed'),
    code: z.enum(['loss-not-finite', 'python-exception', 'written-differently']),
    message: z.string(),
    traceback: z.string(),
  }),
  trainResult
    .pick({
      path: true,
      steps: true,
      resumedFrom: true,
      skippedSteps: true,
      finalLoss: true,
      seconds: true,
      peakMemoryBytes: true,
      trainedParameters: true,
    })
    .extend({
      type: z.literal('result'),
      device: z.string(),
      /** By package name, Python's own included. */
      versions: z.record(z.string(), z.string()),
    }),
])
export type Report = z.output<typeof report>
export type ResultReport = Extract<Report, { type: 'result' }>
