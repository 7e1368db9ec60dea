// First: the modules below make classes with these symbols.
import './util/disposable-symbols.ts'

export type { Adapter } from './artefact/adapter.ts'
export type { ControlNet } from './artefact/control-net.ts'
export { type GenerationParameters, parseParameters } from './artefact/generation-parameters.ts'
export type { RatingRecord } from './artefact/rating-record.ts'
export { type ImageRecipe, type Recipe, readImageRecipe } from './artefact/recipe.ts'
export { type RunRecord, readRunRecord } from './artefact/record.ts'
export { readSeries, type SeriesLine } from './artefact/series.ts'
export type { CurationInput } from './config/curation.ts'
export type { DatasetExportInput } from './config/export.ts'
export { clip, dinov2, type ExtractorInput, inception } from './config/extractor.ts'
export type { FreezingInput } from './config/freezing.ts'
export type { DrawHandsInput, FindHandsInput } from './config/hands.ts'
export { type Measure, type MeasuredPicture, pictureMetric } from './config/metric.ts'
export type { RatingInput } from './config/rating.ts'
export type { SourceInput } from './config/source.ts'
export {
  autoencoder,
  controlNet,
  full,
  loha,
  lokr,
  lora,
  negativeEmbedding,
  type TechniqueInput,
  type TechniqueInputOf,
  textualInversion,
} from './config/technique.ts'
export {
  type Curated,
  type CurateOptions,
  type CurateRequest,
  type CurationEvent,
  curate,
  type FreezeOptions,
  type FrozenSet,
  freezeSet,
  type SetChild,
  type SetDifference,
  type SetItem,
  type SetManifest,
} from './curation/index.ts'
export {
  type CaptionSource,
  type Dataset,
  type DatasetOptions,
  type DatasetProblem,
  type ExportedDataset,
  type ExportRun,
  exportDataset,
  type RenderHandsOptions,
  type RenderHandsRun,
  renderHands,
} from './dataset/index.ts'
export {
  ArtefactError,
  ConfigError,
  DatasetError,
  JobError,
  LabError,
  ProtocolError,
  StatisticsError,
  WorkerError,
} from './errors/index.ts'
export {
  type AnatomyCheck,
  type AnatomyFinding,
  type Box,
  checkAnatomy,
  type DoubtfulHand,
  type DrawHands,
  type DrawnHands,
  drawHands,
  type FindHands,
  type FitHand,
  type FitHandInput,
  type FoundHands,
  findHands,
  fitHand,
  type Hand,
  type HandFit,
  type HandHypothesis,
  type Landmark,
  type PlacedHand,
} from './hands/index.ts'
export {
  type Base,
  type BestInput,
  type BucketCount,
  type CallOptions,
  type ClassImagesRequest,
  type ClassifyOptions,
  type ClassifyRun,
  type CreateBaseOptions,
  catchInterrupts,
  type DreamBoothRequest,
  type ExplainRequest,
  type ExplainRun,
  type Explanation,
  type ExtractedAdapter,
  type Extractor,
  type ExtractRequest,
  type ExtractRun,
  type FeatureRows,
  type FeaturesRequest,
  type FeaturesRun,
  type Interrupt,
  type Lab,
  type LabEnvironment,
  type LabProgress,
  type LabRun,
  type MetricEvent,
  type OpenLabOptions,
  openLab,
  type SampledImage,
  type SampleEvent,
  type SampleOptions,
  type SampleRun,
  type Samples,
  type TrainClassifierOptions,
  type TrainClassifierRun,
  type TrainEvent,
  type Trained,
  type TrainRequest,
  type TrainRun,
  type TrainSubset,
} from './lab/index.ts'
export {
  type Candidate,
  type CandidateInput,
  type CandidateState,
  type CaptionOrigin,
  type Decision,
  type EarlierCaption,
  type KeptEntry,
  type Ledger,
  type LedgerCounts,
  type LedgerEntry,
  type LoggedDecision,
  type OpenLedgerOptions,
  type Outcome,
  openLedger,
  type ReviewEntry,
  type ReviewLog,
  type ReviewRow,
  type ReviewState,
  type Search,
} from './ledger/index.ts'
export { closeRating, type OpenRating, type OpenRatingOptions, openRating } from './rating/index.ts'
export { buildReport, type Headline, type Report } from './report/index.ts'
export { type OpenReview, type OpenReviewOptions, openReview } from './review/index.ts'
export {
  type AnswerStore,
  type ImageSource,
  makeQueries,
  openSource,
  type Patience,
  type QueryFile,
  readQueryFile,
  type SearchOptions,
  type SourceEvent,
  type SourceSurroundings,
} from './sources/index.ts'
export {
  type CellReason,
  clipScoreOf,
  cmmdTo,
  collectGarbage,
  type DesignInput,
  defectProbability,
  defectRate,
  defineStudy,
  fingerCount,
  fraction,
  frechetDistanceTo,
  type Garbage,
  type GarbageCell,
  grid,
  type KeyDifference,
  kernelDistanceTo,
  type MetricPower,
  nearestImageIn,
  type PlannedStudy,
  planStudy,
  type RunStudyOptions,
  runStudy,
  type StudyCounts,
  type StudyDefinition,
  type StudyEvent,
  type StudyExpectation,
  type StudyInput,
  type StudyOutcome,
  sharpness,
  whyCell,
} from './study/index.ts'
export { type ValidationCall, type ValidationRequest, validateMetrics } from './validation/index.ts'
export type { RunEvent } from './worker/index.ts'
