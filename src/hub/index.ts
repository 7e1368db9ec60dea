import { baseFiles } from './base-files.ts'
import { extractorFiles } from './extractor-files.ts'
import type { ModelKind } from './fetch-model.ts'

export { extractorWeights } from './extractor-files.ts'
export { type FetchProgress, fetchModel } from './fetch-model.ts'
export { parseModelId, publishedBases } from './model-id.ts'

/** Bases in the layout of diffusers. */
export const bases: ModelKind = Object.freeze({ folder: 'models', files: baseFiles })
/** What turns images into features, in the layout of transformers. */
export const extractors: ModelKind = Object.freeze({ folder: 'extractors', files: extractorFiles })
