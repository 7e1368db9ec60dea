import { z } from 'zod'

const seconds = z.number().positive().finite()

/** How a worker process is watched, stopped and replaced. Times are in seconds. */
export const workerSettings = z
  .strictObject({
    /** Torch device the jobs run on. */
    device: z.string().default('cpu'),
    /** From the start of the process to its ready line. */
    readySeconds: seconds.default(60),
    /** Between two transport heartbeats. */
    heartbeatSeconds: seconds.default(1),
    /** Silence of the transport after which the process counts as stopped; twice that until it is given up. */
    heartbeatTimeoutSeconds: seconds.default(5),
    /** Longest time without progress, by what the job is doing. */
    watchdogSeconds: z
      .strictObject({
        loading: seconds.default(900),
        caching: seconds.default(300),
        stepping: seconds.default(300),
        sampling: seconds.default(300),
        saving: seconds.default(600),
      })
      .prefault({}),
    /** From a request to stop to an exception raised inside the job. */
    cancelGraceSeconds: seconds.default(30),
    /** From that exception to the end of the whole process group. */
    cancelKillSeconds: seconds.default(10),
    /** From a request to shut down to the end of the whole process group. */
    shutdownSeconds: seconds.default(5),
    /** Times a dead worker is replaced within one training job, which then goes on from its last checkpoint. */
    restarts: z.int().min(0).max(100).default(2),
    /** Progress events kept for a reader that lags; older ones are dropped and counted. */
    progressBuffer: z.int().min(1).default(256),
    /** Bytes of images on the way to a reader before the job waits for it. */
    blobCreditBytes: z
      .int()
      .min(1)
      .default(64 * 1024 * 1024),
  })
  .meta({ id: 'WorkerSettings' })
export type WorkerSettings = z.output<typeof workerSettings>
export type WorkerSettingsInput = z.input<typeof workerSettings>
