import { z } from 'zod'

/** What a job is busy with; each phase has its own watchdog limit. */
export const phase = z.enum(['loading', 'caching', 'stepping', 'sampling', 'saving']).meta({ id: 'Phase' })
export type Phase = z.output<typeof phase>

export const phaseStartEvent = z
  .strictObject({ type: z.literal('phase-start'), phase, /** Units of work ahead, 0 when unknown. */ total: z.int() })
  .meta({ id: 'PhaseStartEvent' })

/** One optimizer step (training) or one unit of work (caching). */
export const stepEndEvent = z
  .strictObject({
    type: z.literal('step-end'),
    /** 1-based. */
    step: z.int(),
    total: z.int(),
    loss: z.number(),
    /** Learning rate of the first parameter group in this step. */
    learningRate: z.number(),
    /** Norm of all gradients before clipping. */
    gradientNorm: z.number(),
    seconds: z.number(),
    /** Mean loss over the held-out images after this step, where it was measured. */
    heldOutLoss: z.number().nullable(),
    /** With masks, mean loss against the target on them and off them; null without, or where there is no such part. */
    onMaskLoss: z.number().nullable(),
    offMaskLoss: z.number().nullable(),
  })
  .meta({ id: 'StepEndEvent' })

/**
 * One optimizer step that float16 made impossible: its gradients, or its loss, are no numbers. The weights stay as they
 * are, and the next step scales its loss by less. Data and schedule go on.
 */
export const stepSkipEvent = z
  .strictObject({
    type: z.literal('step-skip'),
    /** 1-based. */
    step: z.int(),
    total: z.int(),
    /** What multiplies the loss in the next step. */
    scale: z.number(),
    /** Steps skipped so far, this one included. */
    skipped: z.int(),
    seconds: z.number(),
    /** As of a step that was taken. */
    heldOutLoss: z.number().nullable(),
  })
  .meta({ id: 'StepSkipEvent' })

/** Progress of work that has no loss: caching latents, denoising steps. */
export const progressEvent = z
  .strictObject({ type: z.literal('progress-update'), done: z.int(), total: z.int() })
  .meta({ id: 'ProgressEvent' })

export const checkpointEndEvent = z
  .strictObject({ type: z.literal('checkpoint-end'), step: z.int(), path: z.string() })
  .meta({ id: 'CheckpointEndEvent' })

/** One image is done; its pixels are blob `blob` of the message: uint8, [height, width, 3], RGB. */
export const imageEndEvent = z
  .strictObject({
    type: z.literal('image-end'),
    /** Position among the job's requests. */
    index: z.int(),
    /** Training step of a preview; null in a sampling job. */
    step: z.int().nullable(),
    prompt: z.string(),
    seed: z.int(),
    width: z.int(),
    height: z.int(),
    blob: z.int(),
  })
  .meta({ id: 'ImageEndEvent' })

/** A line the worker printed. */
export const logEvent = z
  .strictObject({
    type: z.literal('log-line'),
    stream: z.enum(['stdout', 'stderr', 'warning']),
    text: z.string(),
    /** Lines dropped before this one because they came too fast. */
    dropped: z.int(),
  })
  .meta({ id: 'LogEvent' })

export const jobEvent = z
  .discriminatedUnion('type', [
    phaseStartEvent,
    stepEndEvent,
    stepSkipEvent,
    progressEvent,
    checkpointEndEvent,
    imageEndEvent,
    logEvent,
  ])
  .meta({ id: 'JobEvent' })
/** What a running job tells, in order; `<noun>-<action>`. */
export type JobEvent = z.output<typeof jobEvent>
