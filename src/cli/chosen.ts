import type { Dataset } from '../dataset/index.ts'
import type { BestInput, HeldOutInput } from '../lab/index.ts'
import type { Arguments, OptionDefinition } from './command.ts'
import { optionText } from './option-values.ts'

/** The option that lets a training have images whose licences speak against it. */
export const noDerivativesOption: OptionDefinition = {
  text: 'train also on images whose licence forbids derived works',
}

/** The option that names images to hold out of a training. */
export const heldOutOption: OptionDefinition = {
  value: '<dataset>',
  text: 'images that are not trained on, whose loss is told now and then',
}

/**
 * What is held out and what chooses the result, from the settings of a command line. There, a dataset is named by its
 * folder: that of `--held-out`, and the one that a kernel distance is `against`. A metric that is a function cannot be
 * named. Throws what opening a dataset throws.
 */
export async function readChosen(
  settings: Readonly<Record<string, unknown>>,
  { options }: Arguments,
  open: (folder: string) => Promise<Dataset>,
): Promise<{ heldOut?: HeldOutInput; best?: BestInput }> {
  const folder = optionText(options, 'held-out')
  const { heldOut, best } = settings
  const against = at(at(best, 'metric'), 'against')
  // Names and ranges are checked by the lab, which knows them.
  return {
    ...(folder !== undefined && { heldOut: { ...(heldOut as object), dataset: await open(folder) } }),
    ...(typeof against === 'string' && {
      best: {
        ...(best as object),
        metric: { ...(at(best, 'metric') as object), against: await open(against) },
      } as BestInput,
    }),
  }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}
