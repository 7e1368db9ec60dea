import type { MetricRecord } from '../artefact/study-record.ts'
import { contentId } from '../config/hash.ts'
import { betterOf, extractorOf, type MetricDefinition } from '../config/metric.ts'
import type { StudyPlan } from './plan.ts'

/** What a metric is, in words, with what was found when it was itself tested. */
export function describeMetric(
  metric: MetricDefinition,
  plan: StudyPlan,
): Pick<MetricRecord, 'label' | 'unit' | 'better' | 'description' | 'validity' | 'trust'> {
  const { study, facts } = plan
  const overall = facts.trust[study.metrics.indexOf(metric)] ?? null
  const trust = overall && { ...overall, threshold: study.validityThreshold }
  return { ...wordsOf(metric, plan), better: betterOf[metric.type], trust }
}

function wordsOf(
  metric: MetricDefinition,
  { facts }: StudyPlan,
): Pick<MetricRecord, 'label' | 'unit' | 'description' | 'validity'> {
  const validity = facts.classifier?.validity ?? null
  const extractor = extractorOf(metric)
  const features = extractor === null ? 'finger-classifier' : (facts.extractors[contentId(extractor)]?.label ?? '')
  const whose = extractor === null ? 'the penultimate activations of the finger-classifier' : `features of ${features}`
  switch (metric.type) {
    case 'finger-count':
      return {
        label: 'share of hands with the right number of fingers',
        unit: 'share',
        description:
          'An image is right when the finger classifier counts as many extended fingers as the prompt asks for.',
        validity,
      }
    case 'defect-rate':
      return {
        label: 'share of defective hands',
        unit: 'share',
        description: `An image is defective when the finger classifier gives wrong anatomy a probability above ${metric.threshold}.`,
        validity,
      }
    case 'defect-probability':
      return {
        label: 'mean defect probability',
        unit: 'probability',
        description: 'The probability, by the finger classifier, that the anatomy is wrong.',
        validity,
      }
    case 'kernel-distance': {
      const kid = isInception(metric) ? ' It is a Kernel Inception Distance.' : ''
      return {
        label: `kernel distance to ${metric.against} on ${features} features`,
        unit: 'distance',
        description: `Squared maximum mean discrepancy (cubic polynomial kernel, unbiased, over all pairs) between the samples and as many images of “${metric.against}”, on ${whose}.${kid || notInception}`,
        validity: null,
      }
    }
    case 'frechet-distance': {
      const fid = isInception(metric) ? ' It is a Fréchet Inception Distance (FID).' : ''
      return {
        label: `Fréchet distance to ${metric.against} on ${features} features`,
        unit: 'distance',
        description: `Fréchet distance between the samples and as many images of “${metric.against}”, on ${whose}.${fid || notInception} It is biased: with other numbers of images it comes to other values.`,
        validity: null,
      }
    }
    case 'cmmd':
      return {
        label: `CMMD to ${metric.against}, ${metric.estimator}, with ${features}`,
        unit: 'distance',
        description: `1000 times the squared maximum mean discrepancy (Gaussian kernel, σ 10, ${metric.estimator}) between the samples and as many images of “${metric.against}”, on normalised embeddings of ${features}.`,
        validity: null,
      }
    case 'clip-score':
      return {
        label: `CLIP score (${metric.convention}) with ${features}`,
        unit: 'score',
        description: `${conventions[metric.convention]}, of each image and its prompt as the study words it, by ${features}.`,
        validity: null,
      }
    case 'nearest-image':
      return {
        label: `similarity to the nearest image of ${metric.against} on ${features} features`,
        unit: 'score',
        description: `Cosine between each image and the most similar image of “${metric.against}”, on ${whose}. Near 1 for an image that was learned by heart.`,
        validity: null,
      }
    case 'sharpness':
      return {
        label: 'sharpness',
        unit: 'score',
        description: 'Variance of the Laplacian of the luma (0 to 255) at the image’s own size.',
        validity: null,
      }
  }
}

const notInception = ' It is not comparable with distances on Inception features.'
const conventions = {
  clipscore: '2.5 times the cosine, where it is above 0, with “A photo depicts” before the prompt',
  percent: '100 times the cosine, where it is above 0',
  logit: 'The cosine times the scale of the model',
  cosine: 'The cosine',
} as const

function isInception(metric: MetricDefinition): boolean {
  return extractorOf(metric)?.type === 'inception'
}
