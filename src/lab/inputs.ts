import { z } from 'zod'
import type { Dataset } from '../dataset/index.ts'
import { type DatasetReference, heldOutSettings } from '../protocol/jobs.ts'
import type { Extractor } from './extractor.ts'
import type { Base } from './lab.ts'

/** A base that {@link Lab.base} gave. */
export const baseInput = z.custom<Base>(
  (value) => isTyped(value, 'base'),
  'must be a base; open one with await lab.base(…)',
)

/** A dataset that {@link Lab.dataset} gave. */
export const datasetInput = z.custom<Dataset>(
  (value) => isTyped(value, 'dataset'),
  'must be a dataset; open one with await lab.dataset(…)',
)

/** An extractor that {@link Lab.extractor} gave. */
export const extractorInput = z.custom<Extractor>(
  (value) => isTyped(value, 'extractor'),
  'must be an extractor; open one with await lab.extractor(…)',
)

/** Images that are held out of a training. What chooses by them is said for the training as a whole. */
export const heldOutInput = heldOutSettings.omit({ best: true }).extend({ dataset: datasetInput })

/** How a job names a dataset. */
export function referenceTo({ root, manifest, sha256 }: Dataset): DatasetReference {
  return { root, manifest, sha256 }
}

function isTyped(value: unknown, type: string): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === type
}
