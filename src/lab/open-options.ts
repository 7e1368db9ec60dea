import type { WorkerSettingsInput } from '../config/worker.ts'
import type { FetchProgress } from '../hub/index.ts'
import type { EnvironmentProgress } from '../worker/environment.ts'

/** How to open a lab. */
export interface OpenLabOptions {
  /** Where runs and datasets are kept; one process at a time has it. `./phalanx-lab` by default. */
  readonly folder?: string | undefined
  /** Wait while another process has the folder, instead of throwing; false by default. */
  readonly wait?: boolean | undefined
  /** Worker processes; jobs go to the one with the fewest. 1 by default. */
  readonly workers?: number | undefined
  /** An existing interpreter that is used as it is; else PHALANX_PYTHON, else an environment made on first use. */
  readonly python?: string | undefined
  /**
   * Endpoint file of a running worker to use instead of starting one. The file of a worker on another machine
   * (`settings.listen`) is a secret: who has it may use the worker.
   */
  readonly attach?: string | undefined
  /** File through which other processes may attach to the first worker. */
  readonly endpointFile?: string | undefined
  readonly settings?: WorkerSettingsInput | undefined
  readonly onProgress?: ((progress: LabProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What opening a lab, or fetching a base, is busy with. */
export type LabProgress =
  | EnvironmentProgress
  | FetchProgress
  | { readonly type: 'worker-start'; readonly text: string }
  | { readonly type: 'folder-wait'; readonly phase: 'folder'; readonly text: string }
