import { resolve as absolute, basename } from 'node:path'
import { z } from 'zod'
import { decodeRgb, type RgbImage } from '../artefact/png.ts'
import { readImageRecipe } from '../artefact/recipe.ts'
import { type HandsDetailInput, handsDetail } from '../config/hands-detail.ts'
import { type RepairSettingsInput, repairSettings } from '../config/repair.ts'
import { resolve } from '../config/resolve.ts'
import {
  countDecisions,
  type DescribedPicture,
  type DetailKit,
  handsKit,
  type RepaintRequest,
  type RepairCounts,
  type RepairedPicture,
  repairPicture,
} from '../repair/index.ts'
import type { Chain } from './chained-run.ts'

import { baseInput } from './inputs.ts'
import type { Base, ClassifyOptions, ClassifyRun, LabRun, SampleOptions, SampleRun } from './lab.ts'

/** A picture in memory, with the name that records call it by. */
export interface NamedPicture extends DescribedPicture {
  readonly name: string
}

/** What {@link Lab.repair} takes. */
export type RepairRequest = RepairSettingsInput & {
  readonly base: Base
  /** Paths of image files, or pictures in memory. A PNG that tells its prompt is repainted with it. */
  readonly images: readonly (string | NamedPicture)[]
  /** What is repaired: hands by default, or a kit of your own for another detail. */
  readonly detail?: HandsDetailInput | DetailKit | undefined
}

/** A picture is ready as soon as it has been gone through. */
export interface RepairEvent {
  readonly type: 'picture-end'
  readonly index: number
  readonly total: number
  readonly picture: RepairedPicture
}

/** All pictures in the order in which they were given. */
export interface Repairs {
  readonly pictures: readonly RepairedPicture[]
  readonly counts: RepairCounts
}
export type RepairRun = LabRun<Repairs, RepairEvent>

/** What repairing needs of its lab. */
export interface RepairPlace {
  readonly sample: (request: SampleOptions) => SampleRun
  readonly classify: (options: ClassifyOptions) => ClassifyRun
}

const repairRequest = repairSettings.extend({
  base: baseInput,
  images: z
    .array(z.custom<string | NamedPicture>(isPicture, 'must be a path, or a picture with name, prompt and RGB pixels'))
    .min(1),
  detail: handsDetail.prefault({}),
})
export type RepairPlan = z.output<typeof repairRequest> & { readonly kit: DetailKit | null }

/** The request with its defaults. Throws ConfigError. */
export function planRepair({ detail = {}, ...input }: RepairRequest): RepairPlan {
  // A kit is somebody's own object, which must not be frozen as settings are.
  const kit = isKit(detail) ? detail : null
  return { ...resolve(repairRequest, kit === null ? { ...input, detail } : input, 'repair'), kit }
}

/** Goes through the pictures one after another. */
export async function repairPictures(
  plan: RepairPlan,
  place: RepairPlace,
  chain: Chain<RepairEvent>,
): Promise<Repairs> {
  const { base, images, detail, ...settings } = plan
  const kit =
    plan.kit ??
    handsKit(detail, (files) =>
      chain.follow(() =>
        place.classify({ images: files, ...(detail.classifier !== null && { classifier: detail.classifier }) }),
      ),
    )
  const tools = {
    kit,
    settings,
    side: base.description.imageSize,
    draw,
  }
  const pictures: RepairedPicture[] = []
  for (const [index, given] of images.entries()) {
    const picture = await repairPicture(sourceOf(given), tools)
    pictures.push(picture)
    chain.emit({ type: 'picture-end', index, total: images.length, picture })
  }
  return { pictures, counts: countDecisions(pictures.map(({ record }) => record)) }

  async function draw(requests: readonly RepaintRequest[]): Promise<readonly RgbImage[]> {
    const { control, sampling } = settings
    const controls = control === null ? [] : [control]
    return chain.follow(() => place.sample({ ...sampling, base, controls, requests: [...requests], recipe: false }))
  }
}

function sourceOf(given: string | NamedPicture) {
  if (typeof given !== 'string') return { name: given.name, read: async () => given }
  const file = absolute(given)
  return {
    name: basename(file),
    read: async () => ({ image: await decodeRgb(file), prompt: await promptOf(file) }),
  }
}

/** What the file tells of itself; empty where it does not. */
async function promptOf(file: string): Promise<string> {
  const told = await readImageRecipe(file).catch(() => null)
  return told?.recipe?.prompt ?? told?.parameters?.prompt ?? ''
}

function isPicture(value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  if (typeof value !== 'object' || value === null || !('image' in value)) return false
  const { pixels, width, height } = value.image as Partial<RgbImage>
  return (
    'name' in value &&
    'prompt' in value &&
    pixels instanceof Uint8Array &&
    pixels.length === Number(width) * Number(height) * 3
  )
}

function isKit(value: HandsDetailInput | DetailKit): value is DetailKit {
  return 'find' in value && 'judge' in value && 'fit' in value
}
