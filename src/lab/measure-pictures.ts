import { join } from 'node:path'
import type { MeasuredPicture } from '../config/metric.ts'
import { referenceItems } from '../dataset/index.ts'
import { JobError, LabError } from '../errors/index.ts'
import { kernelDistance } from '../metrics/index.ts'
import type { Judgement } from '../protocol/results.ts'
import { type BestByMetric, type DrawnMetric, describeMetric } from './best.ts'
import type { Chain } from './chained-run.ts'
import type { ClassifyOptions, ClassifyRun } from './lab.ts'

/** A metric that is taken on one picture at a time, as far as the finger classifier's judgement decides it. */
export type PictureMetric =
  | { readonly type: 'finger-count'; readonly expected: Readonly<Record<string, number>> }
  | { readonly type: 'defect-rate'; readonly threshold: number }
  | { readonly type: 'defect-probability' }

/** What a metric makes of a judgement: 1 and 0 for yes and no. */
export function pictureValue(metric: PictureMetric, judgement: Judgement, prompt: string): number {
  switch (metric.type) {
    case 'finger-count':
      return judgement.fingers === metric.expected[prompt] ? 1 : 0
    case 'defect-rate':
      return judgement.defectProbability > metric.threshold ? 1 : 0
    case 'defect-probability':
      return judgement.defectProbability
  }
}

/** What measuring needs of its lab. */
export interface MeasurePlace {
  readonly classify: (options: ClassifyOptions) => ClassifyRun
}

/**
 * The metric's value over all pictures. Rejects with JobError (`metric-failed`, `metric-not-finite`; `job-cancelled`)
 * and what judging raises.
 */
export async function measurePictures(
  best: BestByMetric,
  pictures: readonly MeasuredPicture[],
  place: MeasurePlace,
  chain: Chain,
): Promise<number> {
  const value = await takeMetric(best, pictures, place, chain).catch((cause: unknown) => {
    if (LabError.isInstance(cause)) throw cause
    throw new JobError({
      code: 'metric-failed',
      message: `The metric ${describeMetric(best.metric).metric} failed: ${cause instanceof Error ? cause.message : String(cause)}. Mend it and run the same training again: it goes on from there.`,
      facts: describeMetric(best.metric),
      cause,
    })
  })
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new JobError({
    code: 'metric-not-finite',
    message: `The metric ${describeMetric(best.metric).metric} gave ${String(value)}, which is better or worse than nothing. Let it give a finite number, and run the same training again: it goes on from there.`,
    facts: { ...describeMetric(best.metric), value: String(value) },
  })
}

async function takeMetric(
  { metric, classifier }: BestByMetric,
  pictures: readonly MeasuredPicture[],
  place: MeasurePlace,
  chain: Chain,
): Promise<number> {
  const judged = (images: string[]): Promise<readonly Judgement[]> => {
    const run = chain.follow(() => place.classify({ images, ...(classifier === null ? {} : { classifier }) }))
    return run.result
  }
  if (metric.type === 'custom') {
    const controller = new AbortController()
    chain.follow(() => ({ cancel: (reason) => controller.abort(reason) }))
    return metric.measure(pictures, { signal: controller.signal })
  }
  const judgements = await judged(pictures.map(({ file }) => file))
  if (metric.type === 'kernel-distance') {
    const reference = await judged(referenceFiles(metric, pictures.length))
    return kernelDistance(
      judgements.map(({ features }) => features),
      reference.map(({ features }) => features),
    )
  }
  const values = judgements.map((judgement, i) => pictureValue(metric, judgement, pictures[i]?.prompt ?? ''))
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function referenceFiles({ against }: Extract<DrawnMetric, { type: 'kernel-distance' }>, count: number): string[] {
  const { sha256, root, items } = against
  return referenceItems({ sha256, images: items.length }, count).map((index) => join(root, items[index]?.file ?? ''))
}
