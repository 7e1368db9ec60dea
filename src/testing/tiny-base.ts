import { access, mkdir } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type BaseArchitecture, type BaseArchitectureInput, baseArchitecture } from '../config/architecture.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import type { Base, Lab } from '../lab/index.ts'
import { waitForLock } from '../util/file-lock.ts'

/** Small enough for a step in milliseconds; it draws noise. Of the family `sd-1`. */
export const tinyArchitecture: BaseArchitectureInput = {
  imageSize: 16,
  autoencoderChannels: [4, 4],
  unetChannels: [4, 4, 8, 8],
  unetAttentionHeads: 2,
  textWidth: 8,
  textLayers: 1,
  textHeads: 2,
  normGroups: 2,
  vocabularySize: 600,
}

/** The smallest architecture of each family; SD 2 predicts velocity. */
export const tinyArchitectures: Readonly<Record<BaseArchitecture['family'], BaseArchitectureInput>> = {
  'sd-1': tinyArchitecture,
  'sd-2': { ...tinyArchitecture, family: 'sd-2', prediction: 'v_prediction' },
  sdxl: {
    ...tinyArchitecture,
    family: 'sdxl',
    unetChannels: [4, 4, 8],
    transformerLayers: [1, 1, 2],
    secondTextWidth: 8,
    secondTextLayers: 2,
  },
}

export interface TinyBaseOptions {
  /** Differences from the smallest architecture of its family, which is `sd-1` unless this says so. */
  readonly architecture?: BaseArchitectureInput
  /** Texts whose words make up the vocabulary. */
  readonly captions?: readonly string[]
  /** 0 by default. */
  readonly seed?: number
}

/**
 * A base with random weights, some hundred kilobytes, made on the spot and kept in the system's temporary folder under
 * the hash of its architecture. Throws as `lab.createBase`.
 */
export async function tinyBase(lab: Lab, options: TinyBaseOptions = {}): Promise<Base> {
  const { captions = ['a photo of a hand'], seed = 0 } = options
  const given = { ...tinyArchitectures[options.architecture?.family ?? 'sd-1'], ...options.architecture }
  const architecture = resolve(baseArchitecture, given, 'architecture of the base')
  const { versions } = lab.environment
  const parent = join(tmpdir(), `phalanx-tiny-bases-${userInfo().username}`)
  const folder = join(parent, contentId({ architecture, captions, seed, versions }).slice(0, 24))
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await using _lock = await waitForLock(`${folder}.lock`)
  const made = await access(join(folder, 'model_index.json')).then(
    () => true,
    () => false,
  )
  return made ? lab.base(folder) : lab.createBase({ architecture: given, captions, seed, folder })
}
