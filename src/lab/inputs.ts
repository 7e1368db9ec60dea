import { z } from 'zod'
import type { Dataset } from '../dataset/index.ts'
import { ConfigError } from '../errors/index.ts'
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

/** Throws ConfigError (`no-derivatives`) when a dataset has images that nothing may be trained on. */
export function refuseNoDerivatives(datasets: readonly Dataset[]): void {
  const dataset = datasets.find(({ noDerivatives }) => noDerivatives.length > 0)
  if (dataset === undefined) return
  const { root, items, noDerivatives } = dataset
  throw new ConfigError({
    code: 'no-derivatives',
    message: `The licences of ${noDerivatives.length} of the ${items.length} images in ${root} forbid derived works, that of ${noDerivatives[0]} for one. Take them out, or open the dataset with keepNoDerivatives (--keep-no-derivatives) if you may train on them.`,
    facts: { root, files: noDerivatives, option: 'keepNoDerivatives' },
  })
}

/** How a job names a dataset. */
export function referenceTo({ root, manifest, sha256 }: Dataset): DatasetReference {
  return { root, manifest, sha256 }
}

function isTyped(value: unknown, type: string): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === type
}
