import { LabError } from './lab-error.ts'

/** What the user wrote cannot be used: unknown key, value out of range, contradiction. */
export class ConfigError extends LabError {}

/** The worker process could not start, died, or stopped answering. */
export class WorkerError extends LabError {}

/** The two sides do not understand each other: wrong schema, malformed message, stale incarnation. */
export class ProtocolError extends LabError {}

/** A job failed inside the worker; `cause` carries the Python traceback. */
export class JobError extends LabError {}

/** An image, a caption or a dataset as a whole cannot be used. */
export class DatasetError extends LabError {}

/** Numbers given to a statistical method do not fit it: not finite, out of range, unpaired, too few. */
export class StatisticsError extends LabError {}

/** A file or folder of results is broken, hostile, or in use by somebody else. */
export class ArtefactError extends LabError {}
