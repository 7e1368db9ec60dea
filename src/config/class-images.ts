import { z } from 'zod'
import { prompt, samplingSettings, seed } from './sampling.ts'

/** Class images that are drawn when nothing else is said, as of diffusers' `num_class_images`. */
const usualNumber = 100

/** How class images are drawn from a base: the prompt and so many seeds, one after the other. */
export const classImageSettings = samplingSettings
  .extend({
    /** What they show, and their caption: "a photo of a hand". */
    prompt,
    negativePrompt: prompt.default(''),
    /** How many. */
    images: z.int().min(1).max(100_000).default(usualNumber),
    /** Seed of the first one; each of the others has the next. */
    seed: seed.max(Number.MAX_SAFE_INTEGER - 100_000).default(0),
  })
  .meta({ id: 'ClassImageSettings' })
export type ClassImageSettings = z.output<typeof classImageSettings>

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

const ofClassImages = ['classImages', 'classFolder', 'classSampling', 'priorWeight'] as const

/** The settings that were given and would have no effect, each with the reason. */
export function idleDreamBooth(settings: DreamBoothSettings): { readonly setting: string; readonly reason: string }[] {
  if (settings.classPrompt === null) {
    return ofClassImages
      .filter((setting) => settings[setting] !== null)
      .map((setting) => ({ setting, reason: 'without a classPrompt there are no class images' }))
  }
  if (settings.classFolder === null || settings.classSampling === null) return []
  return [{ setting: 'classSampling', reason: 'the class images of classFolder are not drawn' }]
}
