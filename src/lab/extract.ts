import { resolve as absolute } from 'node:path'
import { z } from 'zod'
import { type Adapter, openAdapter } from '../artefact/adapter.ts'
import { isOneSize, lowRankSize, oneSize, storedType } from '../config/low-rank-size.ts'
import { resolve } from '../config/resolve.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { Approximation, LeftOut, ResultOf } from '../protocol/results.ts'
import { baseInput } from './inputs.ts'
import type { Base, LabRun } from './lab.ts'

/** What {@link Lab.extract} takes: two bases of one family, and either a rank or the bytes of the whole file. */
export type ExtractRequest = z.input<typeof lowRankSize> & {
  readonly base: Base
  /** The base that the file makes of the other one, as nearly as its size allows. */
  readonly tuned: Base
  /** The `.safetensors` file that appears. */
  readonly file: string
  /** Numeric type of the weights in the file; `float32` by default. */
  readonly weights?: z.input<typeof storedType> | undefined
}

/** A LoRA of what two bases differ in, ready to be laid over the first one. */
export interface ExtractedAdapter extends Adapter {
  readonly approximation: Approximation
  /** What no such file can hold, and is not in it. */
  readonly leftOut: LeftOut
}
export type ExtractRun = LabRun<ExtractedAdapter>

const extractOptions = lowRankSize
  .extend({
    base: baseInput,
    tuned: baseInput,
    file: z.string().min(1),
    weights: storedType.default('float32'),
  })
  .refine(isOneSize, oneSize)

/** The job that extracts. Throws ConfigError. */
export function extractJobOf(input: ExtractRequest): JobOf<'extract'> {
  const { base, tuned, file, weights, ...size } = resolve(extractOptions, input, 'extraction')
  return { type: 'extract', base: base.folder, tuned: tuned.folder, size, weights, output: absolute(file) }
}

/** Opens the file that an extraction wrote. Throws ArtefactError. */
export async function openExtracted({ file, approximation, leftOut }: ResultOf<'extract'>): Promise<ExtractedAdapter> {
  return Object.freeze({ ...(await openAdapter(file.path)), approximation, leftOut })
}
