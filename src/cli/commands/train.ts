import { type DreamBoothInput, splitDreamBooth } from '../../config/dream-booth.ts'
import type { BucketCount, TrainRequest } from '../../lab/index.ts'
import { formatBytes, formatCount, listWords } from '../../report/format.ts'
import { heldOutOption, noDerivativesOption, readChosen } from '../chosen.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { baseOption, labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionText } from '../option-values.ts'
import { RunStatus } from '../run-status.ts'
import { readSettings, settingOptions } from '../settings.ts'
import { describeUnreadCaptions } from '../unread-text.ts'

/** `phalanx train`: trains a technique on a folder of images. */
export const train: Command = {
  name: 'train',
  summary: 'train a technique on a folder of images; goes on where it was stopped',
  positionals: ['<dataset>'],
  options: {
    ...settingOptions,
    base: baseOption,
    caption: { value: '<text>', text: 'one caption for all images; what the folder says by default' },
    'held-out': heldOutOption,
    'keep-no-derivatives': noDerivativesOption,
    name: { value: '<name>', text: "name of the run's folder and of its file" },
    ...labOptions,
  },
  example: 'phalanx train ./data/palms --set technique.rank=8 --set optimizer.learningRate=5e-4 --set steps=400',
  run: async (given, context) => {
    const { positionals, options } = given
    const { terminal, signal } = context
    const [caption, name] = [optionText(options, 'caption'), optionText(options, 'name')]
    const captions = caption === undefined ? {} : { caption }
    const keepNoDerivatives = options['keep-no-derivatives'] === true
    // Names and ranges are checked by the lab, which knows them.
    const settings = (await readSettings(given)) as Record<string, unknown> & Pick<TrainRequest, 'technique'>
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const dataset = await lab.dataset(positionals[0] as string, { ...captions, keepNoDerivatives })
    const request: TrainRequest & DreamBoothInput = {
      ...settings,
      base: await lab.base(optionText(options, 'base') ?? 'tiny-hands', { signal }),
      dataset,
      ...(await readChosen(settings, given, (folder) => lab.dataset(folder, captions))),
      ...(name !== undefined && { name }),
    }
    const { dreamBooth, training } = splitDreamBooth(request)
    const buckets = lab.buckets(training)
    terminal.note(describeBuckets(buckets))
    const run =
      dreamBooth === null
        ? lab.train(training, { signal })
        : lab.dreamBooth({ ...training, ...dreamBooth, dataset }, { signal })
    terminal.note(`Training ${run.name} in ${run.folder}`)
    const status = new RunStatus(terminal)
    for await (const event of run) status.show(event)
    const { folder, record } = run
    const { result, best } = await record
    if (result.truncatedCaptions > 0) terminal.note(describeUnreadCaptions(result.truncatedCaptions))
    terminal.result(
      { folder, buckets, result, best },
      () =>
        `${folder}/${result.path}\n${result.kind}, ${formatBytes(result.bytes)}, final loss ${result.finalLoss.toFixed(4)}${result.heldOutLoss === null ? '' : `, held out ${result.heldOutLoss.toFixed(4)}`}${best === null ? '' : `, of step ${formatCount(result.exportedStep)}, the best by ${best.type === 'metric' ? best.name : best.type}`}`,
    )
    return exitCodes.success
  },
}

/** Whatever their number, all images are seen: what a batch lacks at the end makes it smaller. */
function describeBuckets(buckets: readonly BucketCount[]): string {
  const counts = buckets.map(
    ({ width, height, images }) =>
      `${formatCount(images)} ${images === 1 ? 'image' : 'images'} at ${width} x ${height}`,
  )
  const told = listWords(counts)
  return buckets.length === 1 ? told : `${told}; none is left out: the last batch of a size may be smaller`
}
