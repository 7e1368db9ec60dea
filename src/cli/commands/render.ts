import { resolve as absolute } from 'node:path'
import { controlMaps, type RenderHandsOptions, renderHands } from '../../dataset/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { optionNumber, optionText, optionTexts } from '../option-values.ts'

/** `phalanx render`: draws hands to train on. */
export const render: Command = {
  name: 'render',
  summary: 'draw sound hands with captions, counts, masks and pictures for a ControlNet',
  positionals: ['<folder>'],
  options: {
    count: { value: '<number>', text: 'pictures (100)' },
    size: { value: '<pixels>', text: 'width and height (512)' },
    seed: { value: '<number>', text: 'of the first picture (0)' },
    gesture: { value: '<name>', multiple: true, text: 'open-palm, fist, … (all)' },
    style: { value: '<name>', text: 'photo or drawing (both)' },
    side: { value: '<name>', text: 'palm or back (both)' },
    control: { value: '<name>', text: `${controlMaps.join(', ')}: a picture beside each that a ControlNet reads` },
    masks: { text: 'a mask beside each, white on the hand' },
  },
  example: 'phalanx render ./hands --count 200 --gesture open-palm --control pose',
  run: async ({ positionals, options }, { terminal, signal }) => {
    const folder = absolute(positionals[0] as string)
    const gestures = optionTexts(options, 'gesture')
    await renderHands(
      folder,
      {
        count: optionNumber(options, 'count'),
        size: optionNumber(options, 'size'),
        seed: optionNumber(options, 'seed'),
        // Names are checked by what draws them.
        ...({
          gestures: gestures.length === 0 ? undefined : gestures,
          style: optionText(options, 'style'),
          side: optionText(options, 'side'),
          control: optionText(options, 'control'),
        } as Partial<RenderHandsOptions>),
        masks: options.masks === true,
      },
      { signal, onProgress: (done, total) => terminal.status(`${done} of ${total} pictures`) },
    )
    terminal.result({ folder }, () => folder)
    return exitCodes.success
  },
}
