export { type FetchProgress, fetchBase } from './fetch-base.ts'
export { parseModelId, publishedBases } from './model-id.ts'
