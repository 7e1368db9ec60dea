import { readdir, stat } from 'node:fs/promises'
import { resolve as absolute, basename, join } from 'node:path'
import { type ExtractorInput, type ExtractorSettings, extractorSettings } from '../config/extractor.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import { ArtefactError, ConfigError } from '../errors/index.ts'
import { extractors, extractorWeights, fetchModel, parseModelId } from '../hub/index.ts'
import type { StoredExtractor } from '../protocol/jobs.ts'
import { sha256File } from '../util/sha256-file.ts'
import type { BaseCall } from './base.ts'
import { embeddedClassifier } from './jobs.ts'

/** What turns images, and a CLIP texts as well, into features; its files are there and hashed. */
export interface Extractor {
  readonly type: 'extractor'
  readonly settings: ExtractorSettings
  /** As reports name it: "Inception 6726825d, pillow-bicubic". */
  readonly label: string
  /** SHA-256 over all that decides its features, places of files left out. */
  readonly sha256: string
  /** How a job names it. */
  readonly stored: StoredExtractor
}

/**
 * Finds the files of an extractor, fetching what only a hub has. Throws ConfigError (`unknown-model`) for a name that is
 * neither a folder nor a hub id, ArtefactError (`missing-file`, `other-weights`, and as `fetchModel`).
 */
export async function openExtractor(input: ExtractorInput, call: BaseCall = {}): Promise<Extractor> {
  const settings = resolve(extractorSettings, input, 'extractor of features')
  switch (settings.type) {
    case 'finger-classifier': {
      const weights = absolute(settings.weights ?? embeddedClassifier())
      const sha256 = await checkedSha256(weights, null)
      return opened(settings, { type: settings.type, weights, sha256 }, { sha256 }, basename(weights, '.safetensors'))
    }
    case 'inception': {
      const weights = absolute(settings.weights)
      const sha256 = await checkedSha256(weights, settings.sha256)
      const { type, resize } = settings
      return opened(
        settings,
        { type, weights, sha256, resize },
        { sha256, resize },
        `Inception ${sha256.slice(0, 8)}, ${resize}`,
      )
    }
    case 'sharpness':
      return opened(settings, settings, {}, 'sharpness')
    case 'clip':
    case 'dinov2': {
      const { type, model } = settings
      const folder = await modelFolder(model, call)
      const sha256 = await checkedSha256(join(folder, extractorWeights), settings.sha256)
      // Configs and vocabularies decide as well what is seen and read.
      const texts = (await readdir(folder)).filter((name) => /\.(json|txt)$/.test(name) && !name.startsWith('phalanx-'))
      const rest = await Promise.all(texts.sort().map(async (name) => [name, await sha256File(join(folder, name))]))
      const label = `${type === 'clip' ? 'CLIP' : 'DINOv2'} ${basename(model)} ${sha256.slice(0, 8)}`
      return opened(settings, { type, folder, sha256 }, { sha256, rest }, label)
    }
  }
}

function opened(settings: ExtractorSettings, stored: StoredExtractor, deciding: object, label: string): Extractor {
  const sha256 = contentId({ type: settings.type, ...deciding })
  return Object.freeze({ type: 'extractor', settings, label, sha256, stored: Object.freeze(stored) })
}

async function modelFolder(name: string, call: BaseCall): Promise<string> {
  const folder = absolute(name)
  if ((await stat(folder).catch(() => null))?.isDirectory()) return folder
  const model = parseModelId(name)
  if (model !== null) return fetchModel(model, extractors, call)
  throw new ConfigError({
    code: 'unknown-model',
    message: `There is no folder ${folder}, and "${name}" is no hub id. Give a folder in the layout of transformers, or an id like owner/name@revision.`,
    facts: { name, folder },
  })
}

async function checkedSha256(path: string, wanted: string | null): Promise<string> {
  const found = await sha256File(path).catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'missing-file',
      message: `${path} cannot be read. Check the path.`,
      facts: { path },
      cause,
    })
  })
  if (wanted === null || found.startsWith(wanted)) return found
  throw new ArtefactError({
    code: 'other-weights',
    message: `${path} has the SHA-256 ${found}, which does not begin with ${wanted}. Fetch it again; if other weights are meant, say so: sha256: "${found.slice(0, 8)}".`,
    facts: { path, wanted, found },
  })
}
