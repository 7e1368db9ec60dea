export { type ErrorFacts, LabError, type LabErrorOptions } from './lab-error.ts'
export {
  ArtefactError,
  ConfigError,
  DatasetError,
  JobError,
  ProtocolError,
  StatisticsError,
  WorkerError,
} from './place-errors.ts'
