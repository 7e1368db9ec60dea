export { type Curated, type CurateOptions, type CurateRequest, curate } from './curate.ts'
export type { CurationEvent } from './events.ts'
export { type FreezeOptions, type FrozenSet, freezeSet } from './freeze-set.ts'
export type { SetItem, SetManifest } from './manifest.ts'
