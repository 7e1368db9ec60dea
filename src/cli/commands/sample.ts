import { mkdir } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { samplers } from '../../config/sampling.ts'
import type { SampleOptions } from '../../lab/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionNumber, optionText, optionTexts, parseRuns } from '../option-values.ts'

/** `phalanx sample`: draws images from a base. */
export const sample: Command = {
  name: 'sample',
  summary: 'draw images from a base, with adapters laid over it',
  positionals: ['<prompt>'],
  options: {
    base: { value: '<name>', text: 'tiny-hands, or a folder in the diffusers layout (tiny-hands)' },
    adapter: { value: '<file>', multiple: true, text: 'a LoRA or an embedding, as file or file:strength' },
    'negative-prompt': { value: '<text>', text: 'what to steer away from' },
    seeds: { value: '<numbers>', text: 'as 1-8,12 (1-4)' },
    sampler: { value: '<name>', text: `${samplers.slice(0, -1).join(', ')} or ${samplers.at(-1)} (ddim)` },
    steps: { value: '<number>', text: 'denoising steps (50)' },
    guidance: { value: '<number>', text: 'classifier-free guidance scale (7.5)' },
    output: { value: '<folder>', text: 'where the PNG files go (./samples)' },
    ...labOptions,
  },
  example: "phalanx sample 'a photo of an open palm' --seeds 1-8",
  run: async (given, context) => {
    const { positionals, options } = given
    const { terminal, signal } = context
    const folder = absolute(optionText(options, 'output') ?? 'samples')
    const [steps, guidance] = [optionNumber(options, 'steps'), optionNumber(options, 'guidance')]
    const sampler = optionText(options, 'sampler') as SampleOptions['sampler']
    const seeds = parseRuns('seeds', optionText(options, 'seeds') ?? '1-4')
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const run = lab.sample(
      {
        base: await lab.base(optionText(options, 'base') ?? 'tiny-hands', { signal }),
        adapters: optionTexts(options, 'adapter').map(adapterOf),
        prompts: positionals,
        negativePrompt: optionText(options, 'negative-prompt'),
        seeds,
        ...(sampler !== undefined && { sampler }),
        ...(steps !== undefined && { steps }),
        ...(guidance !== undefined && { guidance }),
      },
      { signal },
    )
    await mkdir(folder, { recursive: true })
    const files: string[] = []
    for await (const event of run) {
      if (event.type === 'progress-update') terminal.status(`${event.done} of ${event.total} denoising steps`)
      if (event.type !== 'image-end') continue
      const file = join(folder, `seed-${event.image.seed}.png`)
      await event.image.save(file)
      files.push(file)
    }
    const { seconds, truncatedTokens } = await run
    const cut = truncatedTokens[0] ?? 0
    if (cut > 0) terminal.note(`${cut} tokens of the prompt lie beyond what the text encoder reads and had no effect.`)
    terminal.result({ files, seconds, truncatedTokens: cut }, () => files.join('\n'))
    return exitCodes.success
  },
}

/** `file` or `file:strength`; a colon that no number follows belongs to the path. */
function adapterOf(text: string): string | { file: string; strength: number } {
  const [, file, strength] = /^(.+):(-?\d+(?:\.\d+)?)$/.exec(text) ?? []
  return file === undefined ? text : { file, strength: Number(strength) }
}
