export { type Curated, type CurateOptions, type CurateRequest, curate } from './curate.ts'
export type { CurationEvent } from './events.ts'
