import { z } from 'zod'
import { trainingOutcome } from '../artefact/record.ts'

const common = {
  key: z.string(),
  label: z.string(),
  /** What the key is a hash of; null in cells of old. */
  identity: z.json().default(null),
  /** Size of the work, in the cell's own units. */
  work: z.number(),
  /** Wall-clock time of the whole cell. */
  seconds: z.number(),
}

/** Files are relative to the cell's folder. */
const trainRecord = z.strictObject({
  kind: z.literal('train'),
  ...common,
  result: trainingOutcome.omit({ resumedFrom: true, exportedStep: true, heldOutLoss: true }),
})
const sampleRecord = z.strictObject({
  kind: z.literal('sample'),
  ...common,
  images: z.array(z.strictObject({ seed: z.int(), file: z.string(), width: z.int(), height: z.int() })),
  samplingSeconds: z.number(),
  peakMemoryBytes: z.int(),
  /** Tokens at the end of the prompt that the text encoder did not read; unknown and so 0 in cells of old. */
  truncatedTokens: z.int().min(0).default(0),
})
const repairRecord = sampleRecord.extend({
  kind: z.literal('repair'),
  /** What became of the details of each image. */
  decisions: z.array(z.array(z.string())),
})
const scoreRecord = z.strictObject({
  kind: z.literal('score'),
  ...common,
  judgements: z.array(
    z.strictObject({
      fingers: z.int(),
      fingerProbabilities: z.array(z.number()),
      defectProbability: z.number(),
      features: z.array(z.number()),
    }),
  ),
})

const embedRecord = z.strictObject({
  kind: z.literal('embed'),
  ...common,
  /** A safetensors file with one matrix. */
  file: z.string(),
  logitScale: z.number().nullable(),
})

/** What a finished cell left behind: the `cell.json` of its folder. */
export const cellRecord = z.discriminatedUnion('kind', [
  trainRecord,
  sampleRecord,
  repairRecord,
  scoreRecord,
  embedRecord,
])
export type CellRecord = z.output<typeof cellRecord>
export type TrainRecord = z.output<typeof trainRecord>
export type SampleRecord = z.output<typeof sampleRecord>
export type RepairRecord = z.output<typeof repairRecord>
export type EmbedRecord = z.output<typeof embedRecord>
export type ScoreRecord = z.output<typeof scoreRecord>
/** What the classifier saw in one image. */
export type Judgement = ScoreRecord['judgements'][number]
