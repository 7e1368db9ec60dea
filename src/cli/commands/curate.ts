import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { CurationInput } from '../../config/curation.ts'
import type { SourceInput } from '../../config/source.ts'
import {
  type Curated,
  type CurationEvent,
  curate as curateSet,
  type FrozenSet,
  freezeSet,
  type SetChild,
} from '../../curation/index.ts'
import { ConfigError } from '../../errors/index.ts'
import { formatCount, formatSeconds } from '../../report/format.ts'
import { readQueryFile } from '../../sources/index.ts'
import { nearestName } from '../../util/nearest-name.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { optionText, optionTexts } from '../option-values.ts'
import { parseSettings } from '../settings.ts'
import type { Terminal } from '../terminal.ts'

const services = ['openverse', 'commons', 'brave', 'flickr', 'google'] as const

/** `phalanx curate`: from queries to a frozen set of images. */
export const curate: Command = {
  name: 'curate',
  summary: 'search, fetch, check and freeze a set of images; goes on where it was stopped',
  positionals: ['<queries.json>'],
  options: {
    source: {
      value: '<name>',
      multiple: true,
      text: `${services.join(', ')}, a folder of images, or a .csv, .tsv, .jsonl or .parquet with addresses`,
    },
    folder: { value: '<folder>', text: 'of the set in the making (./<name of the queries>)' },
    contact: { value: '<address>', text: 'your mail or web address, told to whoever is asked; commons wants one' },
    'keep-no-derivatives': { text: 'keep images whose licence forbids derived works' },
    set: { value: '<setting=value>', multiple: true, text: 'a setting, as perQuery=20 or smallestSide=512' },
  },
  example: 'phalanx curate hands.queries.json --source openverse --source ./photographs',
  run: async ({ positionals, options }, { terminal, signal }) => {
    const file = positionals[0] as string
    const contact = optionText(options, 'contact')
    const { queries, freezing } = await readQueryFile(file)
    const sources = await Promise.all(optionTexts(options, 'source').map((name) => sourceOf(name, contact)))
    const curated = await curateSet(
      {
        folder: optionText(options, 'folder') ?? basename(file).replace(/(?:\.queries)?\.json$/, ''),
        sources,
        queries,
        settings: {
          ...(parseSettings(optionTexts(options, 'set')) as CurationInput),
          ...(contact !== undefined && { contact }),
        },
      },
      { signal, onEvent: showCuration(terminal) },
    )
    terminal.print(describeCurated(curated))
    if (curated.nextTry !== null) {
      terminal.note(
        `${curated.counts.states.waiting} files can be tried again from ${curated.nextTry}. Run the same command then.`,
      )
      terminal.result({ ...curated, frozen: null })
      return exitCodes.failure
    }
    terminal.status('Freezing')
    const frozen = await freezeSet(curated.folder, {
      ...freezing,
      signal,
      keepNoDerivatives: options['keep-no-derivatives'] === true,
    })
    if (frozen.noDerivatives > 0)
      terminal.note(`${frozen.noDerivatives} images were left out, as their licences forbid derived works.`)
    if (frozen.unreviewed > 0)
      terminal.note(`${frozen.unreviewed} images were not reviewed: phalanx review ${curated.folder} shows them.`)
    terminal.result({ ...curated, frozen }, () => describeSet(frozen))
    return exitCodes.success
  },
}

/** A source by the name of its service or by a path. Throws ConfigError (`unknown-source`). */
async function sourceOf(name: string, contact: string | undefined): Promise<SourceInput> {
  if (name === 'commons') return { type: name, contact: contact ?? missingContact() }
  const service = services.find((known) => known === name)
  if (service !== undefined) return { type: service as Exclude<typeof service, 'commons'> }
  const found = await stat(name).catch(() => null)
  if (found !== null) return found.isDirectory() ? { type: 'folder', folder: name } : { type: 'list', file: name }
  const nearest = nearestName(name, services)
  const help =
    nearest === undefined ? `Name a file, a folder, or one of ${services.join(', ')}.` : `Did you mean ${nearest}?`
  throw new ConfigError({ code: 'unknown-source', message: `There is no source "${name}". ${help}`, facts: { name } })
}

function missingContact(): never {
  throw new ConfigError({
    code: 'missing-contact',
    message:
      'Wikimedia Commons wants to know whom to ask about the requests. Give --contact with your mail or web address.',
    facts: {},
  })
}

/** Waits are told for good, as nothing moves meanwhile; the rest is one line. */
function showCuration(terminal: Terminal): (event: CurationEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'search-end':
        terminal.status(`${event.source}: query ${event.done} of ${event.total}`)
        break
      case 'source-wait':
        if (event.milliseconds >= 10_000)
          terminal.settle(
            `${event.source} is asked again in ${formatSeconds(event.milliseconds / 1000)} (${event.reason})`,
          )
        break
      case 'result-skip':
        break
      case 'fetch-progress': {
        const left = event.secondsLeft === null ? '' : ` · ${formatSeconds(event.secondsLeft)} left`
        terminal.status(
          `${formatCount(event.fetched)} fetched · ${formatCount(event.refused)} refused · ${formatCount(event.waiting)} to go${left}`,
        )
        break
      }
      case 'retry-wait':
        terminal.settle(`${event.candidates} files are tried again in ${formatSeconds(event.milliseconds / 1000)}`)
    }
  }
}

function describeCurated({ counts, suspected }: Curated): string {
  const { searches, states, refusals, repeated } = counts
  const found = states.waiting + states.fetched + states.refused
  return [
    `${formatCount(searches)} searches found ${formatCount(found)} files (${formatCount(repeated)} of them more than once)`,
    `${formatCount(states.fetched)} kept, ${formatCount(states.refused)} refused${refusals.length === 0 ? '' : ':'}`,
    ...refusals.map(({ reason, count }) => `  ${reason.padEnd(24)}${formatCount(count).padStart(8)}`),
    `Look first at ${formatCount(suspected.watermark)} with perhaps a watermark, ${formatCount(suspected.clipArt)} that are perhaps clip-art, ${formatCount(suspected.littleDetail)} with perhaps little detail`,
  ].join('\n')
}

function describeSet({ folder, views, picks, splits, child }: FrozenSet): string {
  return [
    ...views.map(({ name, images }) => `${name}: ${images} images`),
    ...picks.map(({ name, blobs, rule }) => `${name}: ${blobs.length} images (${rule})`),
    ...(splits?.parts ?? []).map(({ name, images }) => `${name}: ${images} images, held apart`),
    ...(child === null ? [] : [describeChild(child)]),
    join(folder, 'index.html'),
  ].join('\n')
}

function describeChild({ parent, difference }: SetChild): string {
  const { added, removed, captions, licences } = difference
  const changes = [
    [added.length, 'added'],
    [removed.length, 'removed'],
    [captions.length, 'with another caption'],
    [licences.length, 'with another licence'],
  ]
    .filter(([count]) => count !== 0)
    .map(([count, words]) => `${count} ${words}`)
  return `Since ${parent.slice(0, 12)}: ${changes.length === 0 ? 'the same images' : changes.join(', ')}`
}
