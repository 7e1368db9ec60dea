export { type ErrorFacts, LabError, type LabErrorOptions } from './lab-error.ts'
export { ArtefactError, ConfigError, DatasetError, JobError, ProtocolError, WorkerError } from './place-errors.ts'
