import { mkdir, readdir, readFile } from 'node:fs/promises'
import { isAbsolute, join, normalize, sep } from 'node:path'
import { ratingRecordFile, ratingsOf, readRating } from '../artefact/rating-record.ts'
import { readStudyFile, readStudyRecord } from '../artefact/read-study.ts'
import type { StudyRecord } from '../artefact/study-record.ts'
import { defaultRatingMode, type RatingInput, ratingSettings } from '../config/rating.ts'
import { resolve } from '../config/resolve.ts'
import { ArtefactError, ConfigError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { sha256 } from '../util/sha256.ts'
import { chooseItems } from './choose-items.ts'
import { type RatedImage, type RatingProtocol, ratingProtocol } from './protocol.ts'
import { readRatedFile } from './shown-image.ts'

/** A rating on disk: its folder, the study's beside it, and what is rated. */
export interface RatingPlace {
  readonly study: string
  readonly folder: string
  readonly protocol: RatingProtocol
  /** SHA-256 of the protocol; every file of votes names it. */
  readonly digest: string
}

/** Names in a rating's folder. */
export const ratingFiles = Object.freeze({
  protocol: 'protocol.json',
  votes: 'votes',
  lock: '.lock',
  table: 'votes.csv',
})

/**
 * Opens a rating, or freezes a new one when there is none of that name. Throws ConfigError for settings that cannot be
 * used, also for ones that differ from those it began with (`rating-began-otherwise`), and for a rating that is closed
 * (`rating-closed`), and ArtefactError for a study or a protocol that cannot be read, or whose images changed.
 */
export async function openRatingPlace(study: string, name: string, input: RatingInput): Promise<RatingPlace> {
  const folder = join(ratingsOf(study), name)
  const begun = await readProtocol(folder)
  await requireOpen(folder, name)
  const protocol = begun === null ? await freezeProtocol(study, input, folder) : await resume(begun, study, name, input)
  await mkdir(join(folder, ratingFiles.votes), { recursive: true })
  return { study, folder, protocol, digest: digestOf(protocol) }
}

/**
 * A rating that was begun and is not closed. Throws ConfigError (`rating-not-begun`, `rating-closed`), ArtefactError
 * (`broken-rating`).
 */
export async function findRatingPlace(study: string, name: string): Promise<RatingPlace> {
  const folder = join(ratingsOf(study), name)
  const protocol = await readProtocol(folder)
  await requireOpen(folder, name)
  if (protocol !== null) return { study, folder, protocol, digest: digestOf(protocol) }
  const names = await readdir(ratingsOf(study)).catch(() => [])
  throw new ConfigError({
    code: 'rating-not-begun',
    message: `${study} has no rating "${name}"${names.length === 0 ? '. Begin one with phalanx rate.' : `; it has ${names.join(', ')}. Choose with --name.`}`,
    facts: { study, name, names },
  })
}

/** Files of the raters who came so far, sorted. */
export async function voteFiles({ folder }: RatingPlace): Promise<string[]> {
  const names = await readdir(join(folder, ratingFiles.votes))
  return names
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => join(folder, ratingFiles.votes, name))
}

async function requireOpen(folder: string, name: string): Promise<void> {
  if ((await readRating(folder)) === null) return
  const path = join(folder, ratingRecordFile)
  throw new ConfigError({
    code: 'rating-closed',
    message: `The rating "${name}" is closed; its results are in ${path}. Begin another one with --name.`,
    facts: { name, path },
  })
}

async function readProtocol(folder: string): Promise<RatingProtocol | null> {
  const path = join(folder, ratingFiles.protocol)
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw cause
  })
  if (text === null) return null
  try {
    return ratingProtocol.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArtefactError({
      code: 'broken-rating',
      message: `${path} is no protocol of a rating. Restore it, or begin another rating with --name.`,
      facts: { path },
      cause,
    })
  }
}

async function resume(begun: RatingProtocol, study: string, name: string, input: RatingInput): Promise<RatingProtocol> {
  const given = resolve(ratingSettings, { ...begun.settings, ...input }, 'rating')
  if (canonicalJson(begun.settings) !== canonicalJson(given)) {
    throw new ConfigError({
      code: 'rating-began-otherwise',
      message: `The rating "${name}" began with other settings, which stay. Leave them out to go on with it, or begin another one with --name.`,
      facts: { name, settings: begun.settings },
    })
  }
  for (const image of begun.images) await readRatedFile(study, image)
  return begun
}

async function freezeProtocol(study: string, input: RatingInput, folder: string): Promise<RatingProtocol> {
  const settings = resolve(ratingSettings, { mode: defaultRatingMode, ...input }, 'rating')
  const record = await readStudyRecord(study)
  const images: RatedImage[] = []
  for (const { arm, prompt, seed, file } of record.images) {
    images.push({ arm, prompt, seed, file, sha256: sha256(await readStudyFile(join(study, insideOf(file, record)))) })
  }
  const { items, identicalPairs } = chooseItems(images, settings)
  const protocol = ratingProtocol.parse({
    format: 'phalanx-rating-protocol',
    version: 1,
    study: { name: record.name, plan: record.plan },
    settings,
    prompts: record.prompts,
    images,
    items,
    identicalPairs,
  })
  await mkdir(folder, { recursive: true })
  await atomicWrite(join(folder, ratingFiles.protocol), `${JSON.stringify(protocol, null, 2)}\n`)
  return protocol
}

/** Refuses a file outside of the study's folder, which a study that somebody sent could name. */
function insideOf(file: string, { name }: StudyRecord): string {
  const path = normalize(file)
  if (!isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`)) return path
  throw new ArtefactError({
    code: 'study-file-outside',
    message: `The study ${name} names ${file}, which is not in its folder. Do not use a study that does this.`,
    facts: { file },
  })
}

function digestOf(protocol: RatingProtocol): string {
  return sha256(canonicalJson(protocol))
}
