import type { ExtractRequest } from '../../lab/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { baseOption, labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionNumber, optionText } from '../option-values.ts'

/** `phalanx extract`: writes what two bases differ in as a LoRA. */
export const extract: Command = {
  name: 'extract',
  summary: 'write what a tuned base differs in from another one as a LoRA',
  positionals: ['<tuned>'],
  options: {
    base: baseOption,
    rank: { value: '<number>', text: 'rank of every layer, alpha with it' },
    bytes: { value: '<number>', text: 'largest size of the file, instead of a rank' },
    weights: { value: '<type>', text: 'float32, float16 or bfloat16 (float32)' },
    output: { value: '<file>', text: 'the file that appears (./extracted.safetensors)' },
    ...labOptions,
  },
  example: 'phalanx extract ./dreambooth-base --base sd-1.5 --rank 32',
  run: async (given, context) => {
    const { positionals, options } = given
    const { terminal, signal } = context
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const run = lab.extract(
      {
        base: await lab.base(optionText(options, 'base') ?? 'tiny-hands', { signal }),
        tuned: await lab.base(positionals[0] ?? '', { signal }),
        rank: optionNumber(options, 'rank'),
        bytes: optionNumber(options, 'bytes'),
        weights: optionText(options, 'weights') as ExtractRequest['weights'],
        file: optionText(options, 'output') ?? 'extracted.safetensors',
      },
      { signal },
    )
    for await (const event of run) {
      if (event.type === 'progress-update') terminal.status(`${event.done} of ${event.total} decompositions`)
      if (event.type === 'log-line' && event.stream === 'warning') terminal.note(event.text)
    }
    const { file, sha256, approximation, leftOut } = await run
    const { layers, smallestRank, largestRank, relativeError } = approximation
    terminal.result({ file, sha256, approximation, leftOut }, () =>
      [
        file,
        `${layers} layers of rank ${smallestRank === largestRank ? largestRank : `${smallestRank} to ${largestRank}`}, relative error ${relativeError.toPrecision(3)}`,
      ].join('\n'),
    )
    return exitCodes.success
  },
}
