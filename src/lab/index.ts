export { embeddedControls } from './base.ts'
export { checkBest } from './best.ts'
export type { ClassImagesRequest } from './class-images.ts'
export type { DreamBoothRequest } from './dream-booth.ts'
export type { ExplainRequest, ExplainRun, Explanation } from './explanation.ts'
export type { ExtractedAdapter, ExtractRequest, ExtractRun } from './extract.ts'
export type { Extractor } from './extractor.ts'
export type { FeatureRows, FeaturesRequest, FeaturesRun } from './features.ts'
export { catchInterrupts, type Interrupt, interruptedExitCode } from './interrupt.ts'
export { embeddedClassifier } from './jobs.ts'
export type {
  Base,
  CallOptions,
  ClassifyOptions,
  ClassifyRun,
  CreateBaseOptions,
  Lab,
  LabEnvironment,
  LabRun,
  SampleEvent,
  SampleOptions,
  SampleRun,
  Samples,
  TrainClassifierOptions,
  TrainClassifierRun,
} from './lab.ts'
export { type PictureMetric, pictureValue } from './measure-pictures.ts'
export { openLab } from './open-lab.ts'
export type { LabProgress, OpenLabOptions } from './open-options.ts'
export type { NamedPicture, RepairEvent, RepairRequest, RepairRun, Repairs } from './repair.ts'
export type { SampledImage } from './sampled-image.ts'
export { takeFolder } from './take-folder.ts'
export type {
  BestInput,
  BucketCount,
  HeldOutInput,
  MetricEvent,
  TrainEvent,
  Trained,
  TrainRequest,
  TrainRun,
  TrainSubset,
} from './training.ts'
