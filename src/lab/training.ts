import type { z } from 'zod'
import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import type { RunRecord } from '../artefact/record.ts'
import type { engine } from '../config/engine.ts'
import type { PresentationInput, SubsetInput } from '../config/subset.ts'
import type { TechniqueInput } from '../config/technique.ts'
import type { TrainingSettingsInput } from '../config/training.ts'
import type { Dataset } from '../dataset/index.ts'
import type { RunEvent } from '../worker/index.ts'
import type { best } from './best.ts'
import type { heldOutInput } from './inputs.ts'
import type { Base, LabRun } from './lab.ts'

/** Held-out images of a training. */
export type HeldOutInput = z.input<typeof heldOutInput>
/** What chooses the weights that become the result of a training. */
export type BestInput = z.input<typeof best>

/** One dataset of a training that takes several. */
export type TrainSubset = SubsetInput & { readonly dataset: Dataset }

/** What `lab.train` takes: settings with their defaults left out, a base, and a dataset or subsets. */
export type TrainRequest<Technique extends TechniqueInput = TechniqueInput> = Omit<
  TrainingSettingsInput & PresentationInput,
  'technique'
> & {
  readonly technique: Technique
  readonly base: Base
  readonly dataset?: Dataset | undefined
  /** Several datasets, instead of `dataset`: each with repeats, weight, and its own captions, `flip` and `crop`. */
  readonly subsets?: readonly TrainSubset[] | undefined
  /**
   * Images that are never trained on: their loss is told every so many steps (100 by default) and at the end.
   */
  readonly heldOut?: HeldOutInput | undefined
  /**
   * What chooses the weights that become the result, and with `patience` ends the training early: the held-out loss, or
   * a metric of pictures that are drawn every so many steps (100 by default) with what the training would give then.
   * The last weights become the result without it.
   */
  readonly best?: BestInput | undefined
  /**
   * What takes the steps: this package's worker by default; `kohya` drives a checkout of sd-scripts (KOHYA_HOME, or
   * `{ type: 'kohya', home }`) in an environment of its own, and refuses what that has no option for.
   */
  readonly engine?: z.input<typeof engine> | undefined
  /** File-safe name of the result; the technique's type and the content id of the training by default. */
  readonly name?: string | undefined
  /** Run folder; `runs/<name>` in the lab's folder by default. A folder with the same training unfinished goes on. */
  readonly folder?: string | undefined
}

/** Images of a training that are brought to one size in pixels. */
export interface BucketCount {
  readonly width: number
  readonly height: number
  readonly images: number
}

/**
 * What a technique makes: adapters from low-rank techniques and from learned tokens, a ControlNet, a whole base from full
 * training, or an adapter when its layout is a rank or a size.
 */
export type Trained<Technique extends TechniqueInput> = Technique extends {
  type: 'lora' | 'loha' | 'lokr' | 'textual-inversion' | 'negative-embedding'
}
  ? Adapter
  : Technique extends { type: 'control-net' }
    ? ControlNet
    : Technique extends { type: 'full'; layout: object }
      ? Adapter
      : Technique extends { type: 'autoencoder' } | { type: 'full'; layout?: string | undefined }
        ? Base
        : Adapter | Base

/** A metric was taken on the way of a training that it chooses the result of. */
export interface MetricEvent {
  readonly type: 'metric-end'
  readonly step: number
  readonly total: number
  /** Its name. */
  readonly metric: string
  readonly value: number
  /** Whether it is better than all before. */
  readonly best: boolean
}

export type TrainEvent = RunEvent | MetricEvent

/** A training. Its folder holds checkpoints, the loss series, previews and, at the end, `run.json` and the result. */
export interface TrainRun<Result> extends LabRun<Result, TrainEvent> {
  readonly name: string
  readonly folder: string
  /** What `run.json` holds, when the training is finished. */
  readonly record: Promise<RunRecord>
}
