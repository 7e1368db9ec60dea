export type { ExplainRequest, ExplainRun, Explanation } from './explanation.ts'
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
  LabProgress,
  LabRun,
  OpenLabOptions,
  SampleEvent,
  SampleOptions,
  SampleRun,
  Samples,
  TrainClassifierOptions,
  TrainClassifierRun,
  Trained,
  TrainRequest,
  TrainRun,
  TrainSubset,
} from './lab.ts'
export { openLab } from './open-lab.ts'
export type { SampledImage } from './sampled-image.ts'
