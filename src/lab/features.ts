import { mkdtemp, rm } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { z } from 'zod'
import { readMatrix } from '../artefact/matrix-file.ts'
import { resolve } from '../config/resolve.ts'
import { prompt } from '../config/sampling.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { ResultOf } from '../protocol/results.ts'
import type { RunStream } from '../worker/index.ts'
import type { Extractor } from './extractor.ts'
import { extractorInput } from './inputs.ts'
import { JobRun } from './job-run.ts'
import type { CallOptions, LabRun } from './lab.ts'

/** What {@link Lab.features} takes: images, or with a CLIP texts. */
export type FeaturesRequest = {
  readonly extractor: Extractor
  /** 16 by default. */
  readonly batchSize?: number | undefined
  /** The `.safetensors` file that appears, with one matrix `features`; none is kept by default. */
  readonly file?: string | undefined
} & (
  | {
      /** Paths of image files. */
      readonly images: readonly string[]
    }
  | { readonly texts: readonly string[] }
)

/** A row of numbers per image or text, in their order. */
export interface FeatureRows extends ReadonlyArray<Float32Array> {
  /** What a CLIP multiplies a cosine of image and text with; null for all others. */
  readonly logitScale: number | null
}
export type FeaturesRun = LabRun<FeatureRows>

const shared = {
  extractor: extractorInput,
  batchSize: z.int().min(1).max(1024).default(16),
  file: z.string().optional(),
}
const featuresRequest = z.union([
  z.strictObject({ ...shared, images: z.array(z.string().min(1)).min(1) }),
  z.strictObject({ ...shared, texts: z.array(prompt).min(1) }),
])

/** What extracting needs of its lab. */
export interface FeaturesPlace {
  /** Folder that a file which is not kept lies in until it is read. */
  readonly folder: string
  readonly submit: (job: JobOf<'embed'>) => RunStream<ResultOf<'embed'>>
}

/** Extracts features. Throws ConfigError at once. */
export function startFeatures(input: FeaturesRequest, place: FeaturesPlace, { signal }: CallOptions): FeaturesRun {
  const { extractor, batchSize, file, ...what } = resolve(featuresRequest, input, 'request for features')
  const kept = file === undefined ? null : absolute(file)
  let output = kept ?? ''
  const run = new JobRun({
    signal,
    prepare: async () => {
      if (kept === null) output = join(await mkdtemp(join(place.folder, 'features-')), 'features.safetensors')
    },
    submit: () =>
      place.submit({
        type: 'embed',
        extractor: extractor.stored,
        files: 'images' in what ? what.images.map((path) => absolute(path)) : [],
        texts: 'texts' in what ? [...what.texts] : [],
        batchSize,
        output,
      }),
    finish: async ({ file: written, logitScale }) => Object.assign(await readMatrix(written.path), { logitScale }),
  })
  // Whatever comes of it, nothing lies about.
  const tidy = async (): Promise<void> => {
    if (kept === null && output !== '') await rm(join(output, '..'), { recursive: true, force: true })
  }
  run.result.then(tidy, tidy)
  return run
}
