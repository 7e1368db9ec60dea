import { technique } from '../../config/technique.ts'
import type { TrainRequest } from '../../lab/index.ts'
import { formatBytes } from '../../report/format.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { baseOption, labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionText, optionTexts } from '../option-values.ts'
import { RunStatus } from '../run-status.ts'
import { parseSettings } from '../settings.ts'
import { describeUnreadCaptions } from '../unread-text.ts'

const types = technique.options.map(({ shape }) => shape.type.value)

/** `phalanx train`: trains a technique on a folder of images. */
export const train: Command = {
  name: 'train',
  summary: 'train a technique on a folder of images; goes on where it was stopped',
  positionals: ['<dataset>'],
  options: {
    technique: { value: '<type>', text: `${types.join(', ')} (lora)` },
    base: baseOption,
    caption: { value: '<text>', text: 'one caption for all images; what the folder says by default' },
    'held-out': { value: '<dataset>', text: 'images that are not trained on, whose loss is told now and then' },
    name: { value: '<name>', text: "name of the run's folder and of its file" },
    set: { value: '<setting=value>', multiple: true, text: 'a setting by its path, as steps=400 or technique.rank=8' },
    ...labOptions,
  },
  example: 'phalanx train ./data/palms --set technique.rank=8 --set optimizer.learningRate=5e-4 --set steps=400',
  run: async (given, context) => {
    const { positionals, options } = given
    const { terminal, signal } = context
    const [caption, name] = [optionText(options, 'caption'), optionText(options, 'name')]
    const captions = caption === undefined ? {} : { caption }
    const heldOut = optionText(options, 'held-out')
    const settings = parseSettings([
      `technique.type=${optionText(options, 'technique') ?? 'lora'}`,
      ...optionTexts(options, 'set'),
    ])
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const run = lab.train(
      {
        // Names and ranges are checked by the lab, which knows them.
        ...(settings as Pick<TrainRequest, 'technique'>),
        base: await lab.base(optionText(options, 'base') ?? 'tiny-hands', { signal }),
        dataset: await lab.dataset(positionals[0] as string, captions),
        ...(heldOut === undefined ? {} : { heldOut: { dataset: await lab.dataset(heldOut, captions) } }),
        name,
      },
      { signal },
    )
    terminal.note(`Training ${run.name} in ${run.folder}`)
    const status = new RunStatus(terminal)
    for await (const event of run) status.show(event)
    const { folder, record } = run
    const { result } = await record
    if (result.truncatedCaptions > 0) terminal.note(describeUnreadCaptions(result.truncatedCaptions))
    terminal.result(
      { folder, result },
      () =>
        `${folder}/${result.path}\n${result.kind}, ${formatBytes(result.bytes)}, final loss ${result.finalLoss.toFixed(4)}${result.heldOutLoss === null ? '' : `, held out ${result.heldOutLoss.toFixed(4)}`}`,
    )
    return exitCodes.success
  },
}
