import type { MetricRecord } from '../artefact/study-record.ts'
import { betterOf, type MetricDefinition } from '../config/metric.ts'
import type { StudyPlan } from './plan.ts'

/** What a metric is, in words, with what was found when it was itself tested. */
export function describeMetric(
  metric: MetricDefinition,
  plan: StudyPlan,
): Pick<MetricRecord, 'label' | 'unit' | 'better' | 'description' | 'validity'> {
  return { ...wordsOf(metric, plan), better: betterOf[metric.type] }
}

function wordsOf(
  metric: MetricDefinition,
  { facts }: StudyPlan,
): Pick<MetricRecord, 'label' | 'unit' | 'description' | 'validity'> {
  const validity = facts.classifier?.validity ?? null
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
    case 'kernel-distance':
      return {
        label: `kernel distance to ${metric.against} on ${metric.features} features`,
        unit: 'distance',
        description: `Squared maximum mean discrepancy (cubic polynomial kernel, unbiased) between the samples and as many images of “${metric.against}”, on the penultimate activations of the ${metric.features}. It is not comparable with distances on Inception features.`,
        validity: null,
      }
  }
}
