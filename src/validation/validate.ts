import { join } from 'node:path'
import { z } from 'zod'
import { type ValidityCard, validityId, writeCard } from '../artefact/validity-card.ts'
import { extractorOf, isDistance, type MetricDefinition, metricDefinition } from '../config/metric.ts'
import { resolve } from '../config/resolve.ts'
import { seed } from '../config/sampling.ts'
import type { Dataset } from '../dataset/index.ts'
import { embeddedClassifier, type Lab } from '../lab/index.ts'
import { inScratchFolder } from '../util/scratch-folder.ts'
import { sha256File } from '../util/sha256-file.ts'
import { badnessOf, featuresOf, type Looking, requireTestable } from './badness.ts'
import { findingsOfSets, findingsOfValues } from './make-card.ts'
import { labelledTestImages, photographTestImages, renderTestImages, type TestImage } from './test-images.ts'

const dataset = z.custom<Dataset>(
  (value) => typeof value === 'object' && value !== null && 'items' in value,
  'must be a dataset; open one with await lab.dataset(…)',
)
const validationRequest = z.strictObject({
  metrics: z.array(metricDefinition).min(1),
  renders: z.int().min(12).max(10_000).default(120),
  seed: seed.default(0),
  photographs: dataset.nullable().default(null),
  labelled: dataset.nullable().default(null),
  classifier: z.string().min(1).nullable().default(null),
})

/** What {@link validateMetrics} tests, and with which images. */
export interface ValidationRequest {
  /** As in a study. What they are taken on (`prompts`, `expected`, `against`) does not count here. */
  readonly metrics: readonly z.input<typeof metricDefinition>[]
  /** Scenes that are rendered, each sound and with every kind of damage; 120 by default, at least 12. */
  readonly renders?: number | undefined
  /** Of the renders; 0 by default. */
  readonly seed?: number | undefined
  /** Sound photographs, which are blurred, cropped and compressed. */
  readonly photographs?: Dataset | null | undefined
  /** Images of any kind whose `defect` is labelled. */
  readonly labelled?: Dataset | null | undefined
  /** Finger classifier's file; null takes the one that comes with the package. */
  readonly classifier?: string | null | undefined
}

export interface ValidationCall {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/**
 * Tests metrics before they judge: how well each tells damaged images from sound ones, kind by kind, as the area under the
 * curve with its interval (0.5 is chance), and how it follows severity. Distances are tested on sets with growing shares of
 * damaged images. The cards are kept in the lab, where studies find them by the metric's settings and weights.
 *
 * Rejects with ConfigError (`invalid-settings`, `metric-not-testable`, `too-few-images`), what the metrics' own models
 * reject with, and the signal's reason.
 */
export async function validateMetrics(
  lab: Lab,
  request: ValidationRequest,
  { signal, onProgress }: ValidationCall = {},
): Promise<ValidityCard[]> {
  const { metrics, renders, classifier, ...options } = resolve(validationRequest, request, 'validation')
  for (const metric of metrics) requireTestable(metric)
  return inScratchFolder(async (folder) => {
    const tell = (what: string) => (done: number) => {
      signal?.throwIfAborted()
      onProgress?.(`${done} ${what}`)
    }
    const images = [
      ...(await renderTestImages(join(folder, 'renders'), renders, options.seed, tell('renders'))),
      ...(options.photographs === null
        ? []
        : await photographTestImages(options.photographs, join(folder, 'photographs'), tell('photographs'))),
      ...(options.labelled === null ? [] : labelledTestImages(options.labelled)),
    ]
    const cards: ValidityCard[] = []
    for (const metric of metrics) {
      signal?.throwIfAborted()
      onProgress?.(`testing ${metric.type}`)
      const card = await testMetric(metric, images, lab, classifier, signal)
      await writeCard(lab.folder, card)
      cards.push(card)
    }
    return cards
  }, lab.folder)
}

async function testMetric(
  metric: MetricDefinition,
  images: readonly TestImage[],
  lab: Lab,
  classifier: string | null,
  signal: AbortSignal | undefined,
): Promise<ValidityCard> {
  const named = extractorOf(metric)
  const extractor = named === null ? null : await lab.extractor(named, { signal })
  const sha256 = extractor?.sha256 ?? (await sha256File(classifier ?? embeddedClassifier()))
  const looking: Looking = { lab, extractor, classifier, signal }
  const findings = isDistance(metric)
    ? findingsOfSets(metric, images, await featuresOf(images, looking))
    : findingsOfValues(images, await badnessOf(metric, images, looking))
  const features = metric.type === 'sharpness' ? '' : ` by ${extractor?.label ?? 'the finger-classifier'}`
  const id = validityId(metric, sha256)
  return { format: 'phalanx-validity', version: 1, id, metric: `${metric.type}${features}`, ...findings }
}
