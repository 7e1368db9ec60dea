import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { resolve } from '../config/resolve.ts'
import { type SourceInput, type SourceSettings, source } from '../config/source.ts'
import { packageRoot } from '../util/package-root.ts'
import { brave } from './brave.ts'
import { commons } from './commons.ts'
import { type FlickrLicences, flickr, licencesQuestion, readLicences } from './flickr.ts'
import { folderSource } from './folder.ts'
import { google } from './google.ts'
import type { AnswerStore, ImageSource, SearchOptions, SourceEvent } from './image-source.ts'
import { listSource } from './list.ts'
import { openverse } from './openverse.ts'
import { type Patience, Questioner, type Secrets, usualPatience } from './question.ts'
import { ended, missingKey } from './source-errors.ts'
import { webSource } from './web-source.ts'

export interface SourceSurroundings {
  /** Where raw answers are kept and found again. */
  readonly answers: AnswerStore
  /** Where keys come from: the environment by default. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  readonly onEvent?: (event: SourceEvent) => void
  readonly patience?: Patience
  /** ms since 1970; the clock by default. */
  readonly now?: () => number
}

/**
 * Opens a source. Keys come from BRAVE_API_KEY, FLICKR_API_KEY, GOOGLE_API_KEY with GOOGLE_SEARCH_ENGINE and, where a
 * person has one, OPENVERSE_TOKEN. Throws ConfigError (`invalid-settings`, `missing-key`, `source-ended`), and what
 * `listSource` and `folderSource` throw.
 */
export async function openSource(input: SourceInput, surroundings: SourceSurroundings): Promise<ImageSource> {
  const settings = resolve(source, input, 'source of images')
  if (settings.type === 'list') return listSource(settings.file)
  if (settings.type === 'folder') return folderSource(settings.folder)
  const { onEvent = () => undefined, now = Date.now } = surroundings
  const variables = surroundings.variables ?? process.env
  const questioner = new Questioner({
    source: settings.type,
    address: settings.address,
    perMinute: settings.perMinute,
    userAgent: userAgent(settings.type === 'commons' ? settings.contact : null),
    secrets: secretsOf(settings.type, variables),
    answers: surroundings.answers,
    patience: surroundings.patience ?? usualPatience,
    onEvent,
  })
  if (settings.type === 'flickr') return openFlickr(questioner, onEvent)
  const engine = settings.type === 'google' ? keyOf('google', 'GOOGLE_SEARCH_ENGINE', variables) : ''
  const definition = { openverse, commons, brave, google: google(engine) }[settings.type]
  if (definition.ends !== null && now() >= Date.parse(definition.ends)) throw ended(definition.name, definition.ends)
  return webSource(definition, questioner, onEvent)
}

/** Flickr's answers name licences by number, so what the numbers mean is asked first. */
function openFlickr(questioner: Questioner, onEvent: (event: SourceEvent) => void): ImageSource {
  let licences: FlickrLicences = new Map()
  const refusal = questioner.refusal.bind(questioner)
  const photographs = webSource(
    flickr(() => licences, refusal),
    questioner,
    onEvent,
  )
  return {
    ...photographs,
    async *search(query: string, options: SearchOptions) {
      licences = await questioner.ask(licencesQuestion, (body) => readLicences(body, refusal), options.signal)
      yield* photographs.search(query, options)
    },
  }
}

/** How this program names itself to others. */
export function userAgent(contact: string | null): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return contact === null ? `phalanx/${version}` : `phalanx/${version} (${contact})`
}

type WebType = Exclude<SourceSettings['type'], 'list' | 'folder'>

function secretsOf(type: WebType, variables: Readonly<Record<string, string | undefined>>): Secrets {
  const key = (variable: string): string => keyOf(type, variable, variables)
  const none: Secrets = { variable: null, parameters: {}, headers: {}, values: [] }
  switch (type) {
    case 'commons':
      return none
    case 'openverse': {
      const token = variables.OPENVERSE_TOKEN
      if (!token) return none
      return { ...none, variable: 'OPENVERSE_TOKEN', headers: { authorization: `Bearer ${token}` }, values: [token] }
    }
    case 'brave': {
      const token = key('BRAVE_API_KEY')
      return { ...none, variable: 'BRAVE_API_KEY', headers: { 'x-subscription-token': token }, values: [token] }
    }
    case 'flickr': {
      const token = key('FLICKR_API_KEY')
      return { ...none, variable: 'FLICKR_API_KEY', parameters: { api_key: token }, values: [token] }
    }
    case 'google': {
      const token = key('GOOGLE_API_KEY')
      return { ...none, variable: 'GOOGLE_API_KEY', parameters: { key: token }, values: [token] }
    }
  }
}

function keyOf(type: WebType, variable: string, variables: Readonly<Record<string, string | undefined>>): string {
  const value = variables[variable]
  if (!value) throw missingKey(type, variable)
  return value
}
