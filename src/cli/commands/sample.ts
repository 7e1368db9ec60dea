import { mkdir } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { samplers } from '../../config/sampling.ts'
import { ConfigError } from '../../errors/index.ts'
import type { SampleOptions } from '../../lab/index.ts'
import type { Arguments, Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { baseOption, labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionNumber, optionText, optionTexts, parseRuns } from '../option-values.ts'
import { describeUnread } from '../unread-text.ts'

/** `phalanx sample`: draws images from a base. */
export const sample: Command = {
  name: 'sample',
  summary: 'draw images from a base, with adapters laid over it',
  positionals: ['<prompt>'],
  options: {
    base: baseOption,
    adapter: { value: '<file>', multiple: true, text: 'a LoRA or an embedding, as file or file:strength' },
    'negative-prompt': { value: '<text>', text: 'what to steer away from' },
    seeds: { value: '<numbers>', text: 'as 1-8,12 (1-4)' },
    sampler: { value: '<name>', text: `${samplers.slice(0, -1).join(', ')} or ${samplers.at(-1)} (ddim)` },
    steps: { value: '<number>', text: 'denoising steps (50)' },
    guidance: { value: '<number>', text: 'classifier-free guidance scale (7.5)' },
    'guidance-rescale': { value: '<number>', text: 'share of guidance whose spread is brought back, 0 to 1 (0)' },
    'zero-terminal-snr': { text: 'rescale the noise schedule, for adapters that were trained so' },
    'max-tokens': { value: '<number>', text: 'tokens of a prompt that are read: 75, 150 or 225 (75)' },
    weights: { text: 'read (word:1.3), (word), [word] and BREAK as A1111 does' },
    'clip-skip': { value: '<number>', text: "layer of the text encoder, counted from its end (the base's own)" },
    width: { value: '<pixels>', text: "the base's own by default" },
    height: { value: '<pixels>', text: "the base's own by default" },
    image: { value: '<file>', text: 'start from this image' },
    strength: { value: '<number>', text: 'share of the steps taken on it, up to 1 (0.8)' },
    mask: { value: '<file>', text: 'draw only where this image is light' },
    'mask-blur': { value: '<pixels>', text: 'let the drawing fade in from the border of the mask (0)' },
    control: { value: '<path>', multiple: true, text: 'a ControlNet, as folder, file or path:strength' },
    'control-picture': { value: '<file>', multiple: true, text: 'what each --control reads, in their order' },
    'no-recipe': { text: 'leave out of the PNG files how they were drawn' },
    output: { value: '<folder>', text: 'where the PNG files go (./samples)' },
    ...labOptions,
  },
  example: "phalanx sample 'a photo of an open palm' --seeds 1-8",
  run: async (given, context) => {
    const { positionals, options } = given
    const { terminal, signal } = context
    const folder = absolute(optionText(options, 'output') ?? 'samples')
    const image = imageOf(options)
    const seeds = parseRuns('seeds', optionText(options, 'seeds') ?? '1-4')
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const run = lab.sample(
      {
        base: await lab.base(optionText(options, 'base') ?? 'tiny-hands', { signal }),
        adapters: optionTexts(options, 'adapter').map(adapterOf),
        prompts: positionals,
        negativePrompt: optionText(options, 'negative-prompt'),
        seeds,
        sampler: optionText(options, 'sampler') as SampleOptions['sampler'],
        steps: optionNumber(options, 'steps'),
        guidance: optionNumber(options, 'guidance'),
        guidanceRescale: optionNumber(options, 'guidance-rescale'),
        zeroTerminalSnr: options['zero-terminal-snr'] === true,
        text: textOf(options),
        width: optionNumber(options, 'width'),
        height: optionNumber(options, 'height'),
        image,
        controls: controlsOf(options),
        recipe: options['no-recipe'] !== true,
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
    if (cut > 0) terminal.note(describeUnread(cut))
    terminal.result({ files, seconds, truncatedTokens: cut }, () => files.join('\n'))
    return exitCodes.success
  },
}

/** How prompts are read; the settings refuse a number that is none of theirs. */
function textOf(options: Arguments['options']): SampleOptions['text'] {
  const maxTokens = optionNumber(options, 'max-tokens') as NonNullable<SampleOptions['text']>['maxTokens']
  return { maxTokens, weights: options.weights === true, clipSkip: optionNumber(options, 'clip-skip') }
}

/** `file` or `file:strength`; a colon that no number follows belongs to the path. */
function adapterOf(text: string): string | { file: string; strength: number } {
  const [, file, strength] = /^(.+):(-?\d+(?:\.\d+)?)$/.exec(text) ?? []
  return file === undefined ? text : { file, strength: Number(strength) }
}

/** ControlNets with their pictures. Throws ConfigError (`control-picture-missing`) for unequal counts. */
function controlsOf(options: Arguments['options']): NonNullable<SampleOptions['controls']> {
  const nets = optionTexts(options, 'control').map(adapterOf)
  const pictures = optionTexts(options, 'control-picture')
  if (nets.length !== pictures.length) {
    throw new ConfigError({
      code: 'control-picture-missing',
      message: `There are ${nets.length} --control and ${pictures.length} --control-picture. Give one picture for each ControlNet.`,
      facts: { controls: nets.length, pictures: pictures.length },
    })
  }
  return nets.map((net, i) => ({ ...(typeof net === 'string' ? { file: net } : net), picture: pictures[i] }))
}

/** What the drawings start from. Throws ConfigError (`image-missing`) for options of an image that is not given. */
function imageOf(options: Arguments['options']): SampleOptions['image'] {
  const file = optionText(options, 'image')
  const given = ['strength', 'mask', 'mask-blur'].filter((name) => options[name] !== undefined)
  if (file === undefined && given.length > 0) {
    throw new ConfigError({
      code: 'image-missing',
      message: `${given.map((name) => `--${name}`).join(', ')} need${given.length === 1 ? 's' : ''} an image to start from. Give --image <file>.`,
      facts: { options: given },
    })
  }
  if (file === undefined) return null
  const [strength, maskBlur] = [optionNumber(options, 'strength'), optionNumber(options, 'mask-blur')]
  return { file, strength, mask: optionText(options, 'mask'), maskBlur }
}
