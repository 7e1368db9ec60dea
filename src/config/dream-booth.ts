import { z } from 'zod'
import { ConfigError } from '../errors/index.ts'
import { classImageSettings } from './class-images.ts'
import type { IdleSetting } from './idle-settings.ts'
import { prompt } from './sampling.ts'

/**
 * DreamBooth (Ruiz et al., 2023): a rare token comes to stand for the subject of some pictures, while images of its class
 * keep what the base knows of that (prior preservation).
 */
export const dreamBoothSettings = z.strictObject({
  /** Caption of every picture: a rare token and the class, "a photo of sks hand"; null keeps the dataset's captions. */
  instancePrompt: prompt.nullable().default(null),
  /** Caption of the class images, "a photo of a hand"; null goes without prior preservation. */
  classPrompt: prompt.nullable().default(null),
  /** How many class images; null takes 100, or all of `classFolder`. */
  classImages: z.int().min(1).max(100_000).nullable().default(null),
  /** Folder with class images of your own; null draws them from the base, once for all trainings of a lab. */
  classFolder: z.string().min(1).nullable().default(null),
  /** How class images are drawn; null is how everything is drawn by default. */
  classSampling: classImageSettings.omit({ prompt: true, images: true }).nullable().default(null),
  /** Weight of the loss of class images, beside 1 of the pictures' own; null is 1. */
  priorWeight: z.number().gt(0).max(1000).nullable().default(null),
})
export type DreamBoothSettings = z.output<typeof dreamBoothSettings>

/** DreamBooth's settings as a user writes them. */
export type DreamBoothInput = z.input<typeof dreamBoothSettings>

/** What of a request says how DreamBooth is done, null when nothing does, and the training without it. */
export function splitDreamBooth<Request extends object>(request: Request) {
  const own = Object.entries(request).filter(([name]) => name in dreamBoothSettings.shape)
  const rest = Object.entries(request).filter(([name]) => !(name in dreamBoothSettings.shape))
  const given = own.some(([, value]) => value != null)
  return {
    dreamBooth: given ? (Object.fromEntries(own) as DreamBoothInput) : null,
    training: Object.fromEntries(rest) as Omit<Request, keyof DreamBoothInput>,
  }
}

/** Techniques that DreamBooth is done with: they change the base's own weights, or lay low-rank changes over them. */
const dreamBoothTechniques: readonly string[] = ['full', 'lora', 'loha', 'lokr']

/** What DreamBooth must know of a training. */
interface DreamBoothTraining {
  readonly technique: { readonly type: string }
  readonly subsets?: readonly unknown[] | null | undefined
}

/** Throws ConfigError (`setting-without-effect`). */
export function refuseIdleDreamBooth(settings: DreamBoothSettings): void {
  const [idle] = idleDreamBooth(settings)
  if (idle !== undefined) {
    throw new ConfigError({
      code: 'setting-without-effect',
      message: `${idle.setting} has no effect: ${idle.reason}. Leave it out.`,
      facts: { setting: idle.setting },
    })
  }
}

/** Throws ConfigError: `not-for-dreambooth`, `subsets-in-dreambooth`. */
export function checkDreamBooth({ technique: { type: technique }, subsets }: DreamBoothTraining): void {
  if (!dreamBoothTechniques.includes(technique)) {
    throw new ConfigError({
      code: 'not-for-dreambooth',
      message: `DreamBooth changes the base's own weights or lays low-rank changes over them, which ${technique} does not. Take one of ${dreamBoothTechniques.join(', ')}.`,
      facts: { technique, techniques: dreamBoothTechniques },
    })
  }
  if (subsets == null) return
  throw new ConfigError({
    code: 'subsets-in-dreambooth',
    message:
      'DreamBooth makes its subsets itself, of a dataset and class images. Give a dataset, or leave out what DreamBooth is told.',
  })
}

const ofClassImages = ['classImages', 'classFolder', 'classSampling', 'priorWeight'] as const

/** The settings that were given and would have no effect, each with the reason. */
export function idleDreamBooth(settings: DreamBoothSettings): IdleSetting[] {
  if (settings.classPrompt === null) {
    return ofClassImages
      .filter((setting) => settings[setting] !== null)
      .map((setting) => ({ setting, reason: 'without a classPrompt there are no class images' }))
  }
  if (settings.classFolder === null || settings.classSampling === null) return []
  return [{ setting: 'classSampling', reason: 'the class images of classFolder are not drawn' }]
}
