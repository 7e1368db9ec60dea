import { stat } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import type { RepairSettingsInput } from '../../config/repair.ts'
import { ConfigError } from '../../errors/index.ts'
import { embeddedControls, type Lab } from '../../lab/index.ts'
import { pictureFiles, type RepairedPicture, RepairWriter } from '../../repair/index.ts'
import type { Arguments, Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { baseOption, labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionNumber, optionText, optionTexts } from '../option-values.ts'
import { parseSettings } from '../settings.ts'

/** `phalanx repair`: repairs hands of pictures from anywhere. */
export const repair: Command = {
  name: 'repair',
  summary: 'find malformed hands in pictures, repaint them after a fitted hand, and keep what is better',
  positionals: ['<folder>'],
  options: {
    base: baseOption,
    control: { value: '<path>', text: "a depth ControlNet of the base's family, or none (tiny-hands has its own)" },
    prompt: { value: '<text>', text: 'instead of what each PNG tells of itself' },
    'negative-prompt': { value: '<text>', text: 'what to steer away from' },
    threshold: { value: '<share>', text: 'probability of being wrong from which a hand is repaired (0.95)' },
    attempts: { value: '<number>', text: 'tries of each strength (4)' },
    set: {
      value: '<setting=value>',
      multiple: true,
      text: 'another setting, as strengths=[0.5,0.8] or sampling.steps=20',
    },
    output: { value: '<folder>', text: 'where pictures, repair.json and index.html go (<folder>-repaired)' },
    ...labOptions,
  },
  example: 'phalanx repair ./pictures --base sd-1.5 --control ./control_v11f1p_sd15_depth',
  run: async (given, context) => {
    const { positionals, options } = given
    const { terminal, signal } = context
    const from = absolute(positionals[0] as string)
    const files = await picturesIn(from)
    const folder = absolute(optionText(options, 'output') ?? `${from}-repaired`)
    await refuseTaken(folder)
    const baseName = optionText(options, 'base') ?? 'tiny-hands'
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const base = await lab.base(baseName, { signal })
    const settings = await settingsOf(options, baseName, lab)
    const writer = new RepairWriter({ files, folder, details: 'hands' })
    try {
      // One after another, so that what is written need not be kept.
      for (const [index, file] of files.entries()) {
        const { pictures } = await lab.repair({ ...settings, base, images: [file] }, { signal })
        const [picture] = pictures as [RepairedPicture]
        await writer.add(index, picture)
        terminal.status(`${index + 1} of ${files.length} pictures`)
        const { name, trouble } = picture.record
        if (trouble !== null) terminal.note(`${name}: ${trouble.step} failed: ${trouble.message}`)
      }
    } catch (error) {
      if (writer.written > 0) {
        await writer.finish()
        terminal.note(`The first ${writer.written} of ${files.length} pictures are in ${folder}, with their page.`)
      }
      throw error
    }
    const counts = await writer.finish()
    const page = join(folder, 'index.html')
    terminal.result({ folder, page, counts }, () =>
      [
        `${counts.repaired} of ${counts.details} hands repaired in ${counts.pictures} pictures; ${counts.good} were good, ${counts.reverted} got no better`,
        page,
      ].join('\n'),
    )
    return counts.troubled + counts.failed > 0 ? exitCodes.failure : exitCodes.success
  },
}

async function picturesIn(folder: string): Promise<string[]> {
  const files = await pictureFiles(folder).catch((cause: unknown) => {
    throw new ConfigError({
      code: 'no-pictures',
      message: `${folder} cannot be read (${(cause as Error).message}). Name a folder with pictures.`,
      facts: { folder },
      cause,
    })
  })
  if (files.length > 0) return files
  throw new ConfigError({
    code: 'no-pictures',
    message: `${folder} has no PNG, JPEG or WebP. Name a folder with pictures.`,
    facts: { folder },
  })
}

/** Nothing that is there is written over. */
async function refuseTaken(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => null)) === null) return
  throw new ConfigError({
    code: 'folder-taken',
    message: `${folder} is there already. Name another folder with --output, or remove it.`,
    facts: { folder },
  })
}

/** What the options say, and over it each `--set`. Throws ConfigError (`not-a-setting`). */
async function settingsOf(options: Arguments['options'], base: string, lab: Lab): Promise<RepairSettingsInput> {
  const control = controlOf(options, base)
  const said = {
    control: control === null ? null : { file: (await lab.controlNet(control)).file },
    prompt: optionText(options, 'prompt'),
    negativePrompt: optionText(options, 'negative-prompt'),
    threshold: optionNumber(options, 'threshold'),
    attempts: optionNumber(options, 'attempts'),
  }
  // What the lab knows of names and ranges is checked there.
  return parseSettings(optionTexts(options, 'set'), said)
}

function controlOf(options: Arguments['options'], base: string): string | null {
  const named = optionText(options, 'control')
  if (named === 'none') return null
  return named ?? embeddedControls[base] ?? null
}
