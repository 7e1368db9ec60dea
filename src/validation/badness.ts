import { betterOf, type MetricDefinition, type ValueMetric } from '../config/metric.ts'
import { ConfigError } from '../errors/index.ts'
import { type Extractor, type Lab, pictureValue } from '../lab/index.ts'
import { clipScore, clipScoreText, type Features } from '../metrics/index.ts'
import type { TestImage } from './test-images.ts'

/** What a metric is tested with. */
export interface Looking {
  readonly lab: Lab
  /** Null where the finger classifier judges. */
  readonly extractor: Extractor | null
  /** Finger classifier's file; null for the one that comes with the package. */
  readonly classifier: string | null
  readonly signal: AbortSignal | undefined
}

/** Refuses a metric that no kind of damage says anything of. Throws ConfigError. */
export function requireTestable(metric: MetricDefinition): void {
  if (metric.type !== 'nearest-image') return
  throw new ConfigError({
    code: 'metric-not-testable',
    message:
      'nearest-image says what was learned by heart, not what is malformed: there is nothing to test it with here.',
    facts: { metric: metric.type },
  })
}

/** How bad a metric of single images finds each, whatever its direction: higher is worse. Null where it does not apply. */
export async function badnessOf(
  metric: ValueMetric,
  images: readonly TestImage[],
  looking: Looking,
): Promise<(number | null)[]> {
  const sign = betterOf[metric.type] === 'higher' ? -1 : 1
  const values = await valuesOf(metric, images, looking)
  return values.map((value) => (value === null ? null : sign * value))
}

/** Features of images that a distance compares. */
export async function featuresOf(images: readonly TestImage[], looking: Looking): Promise<Features> {
  const { lab, extractor, classifier, signal } = looking
  const files = images.map(({ file }) => file)
  if (extractor !== null) return (await lab.features({ extractor, images: files }, { signal })).map((row) => [...row])
  const judgements = await lab.classify({ images: files, ...(classifier !== null && { classifier }) }, { signal })
  return judgements.map(({ features }) => features)
}

async function valuesOf(
  metric: ValueMetric,
  images: readonly TestImage[],
  looking: Looking,
): Promise<(number | null)[]> {
  const { lab, classifier, signal } = looking
  switch (metric.type) {
    case 'finger-count':
    case 'defect-rate':
    case 'defect-probability': {
      const files = images.map(({ file }) => file)
      const judgements = await lab.classify({ images: files, ...(classifier !== null && { classifier }) }, { signal })
      return judgements.map((judgement, i) => {
        const { prompt, fingers } = images[i] as TestImage
        if (metric.type !== 'finger-count') return pictureValue(metric, judgement, prompt)
        if (fingers === null) return null
        return pictureValue({ type: metric.type, expected: { [prompt]: fingers } }, judgement, prompt)
      })
    }
    case 'sharpness':
      return (await featuresOf(images, looking)).map(([value = 0]) => value)
    case 'clip-score': {
      const extractor = looking.extractor as Extractor
      const rows = await featuresOf(images, looking)
      const prompts = [...new Set(images.map(({ prompt }) => prompt))]
      const texts = await lab.features(
        { extractor, texts: prompts.map((prompt) => clipScoreText(prompt, metric.convention)) },
        { signal },
      )
      const scale = texts.logitScale ?? 1
      return rows.map((row, i) => {
        const text = texts[prompts.indexOf(images[i]?.prompt ?? '')] ?? []
        return clipScore(row, [...text], metric.convention, scale)
      })
    }
    case 'nearest-image':
      return images.map(() => null)
  }
}
