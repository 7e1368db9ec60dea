export type { CaptionSource, Dataset, DatasetOptions } from './dataset.ts'
export { ImageInspector } from './image-facts.ts'
export { type DatasetPlace, openDataset, withCaption } from './open-dataset.ts'
export type { DatasetProblem } from './problem.ts'
