import { z } from 'zod'
import { ConfigError } from '../errors/index.ts'
import { contentId } from './hash.ts'
import { prompt } from './sampling.ts'

const captionDropout = z.number().min(0).max(1)
const flip = z.boolean()
const crop = z.enum(['centre', 'random'])
const inpaintingMasks = z.enum(['random', 'dataset'])

/** How captions are worded anew for every sample. Tags are what stands between commas. */
export const captionSettings = z
  .strictObject({
    /** Text before each caption, with a space between. It stays there, whatever happens to the tags. */
    prefix: prompt.default(''),
    /** Text after each caption, likewise. */
    suffix: prompt.default(''),
    /** Bring the tags into another order for every sample. */
    shuffle: z.boolean().default(false),
    /** So many tags at the beginning are neither moved nor dropped. */
    keptTags: z.int().min(0).max(1000).default(0),
    /** Share of the other tags that is left out, each by itself. */
    tagDropout: z.number().min(0).max(1).default(0),
  })
  .refine(({ shuffle, keptTags, tagDropout }) => keptTags === 0 || shuffle || tagDropout > 0, {
    message: 'has no effect without shuffle or tagDropout',
    path: ['keptTags'],
  })
  .meta({ id: 'CaptionSettings' })
export type CaptionSettings = z.output<typeof captionSettings>

/** How images are shown to a training, in all subsets that do not say it themselves. */
export const presentation = z.strictObject({
  /** Share of captions replaced by the empty one, so that guidance has an unconditional branch. */
  captionDropout: captionDropout.default(0),
  captions: captionSettings.prefault({}),
  /** Mirror images at random. */
  flip: flip.default(false),
  /**
   * What is kept of an image that was scaled to cover the training size: its centre, or for every sample a part at a
   * place drawn anew, so that in time all of the image is seen. With a masked loss the place is drawn among those where
   * the mask shows something. What is cropped at random is encoded in every step, since its latents cannot be cached.
   */
  crop: crop.default('centre'),
  /**
   * What a base made for inpainting is trained to fill in: random shapes, or what the masks of the dataset show in white
   * (their lighter half). Class images without a mask keep random shapes; held-out images need masks, too.
   */
  inpaintingMasks: inpaintingMasks.default('random'),
})
export type Presentation = z.output<typeof presentation>
export type PresentationInput = z.input<typeof presentation>

/** What one subset says of how its images are shown; the training's own settings fill the rest. */
const ownPresentation = z
  .strictObject({ captionDropout, captions: captionSettings, flip, crop, inpaintingMasks })
  .partial()

const share = z.strictObject({
  /** How often each image is seen in an epoch. */
  repeats: z.int().min(1).max(100_000).default(1),
  /** Multiplies the loss of each of its images. */
  weight: z.number().gt(0).max(1000).default(1),
  /**
   * Class images that keep the base's idea of the class (prior preservation, Ruiz et al., 2023): as many are seen in an
   * epoch as of all other subsets together, in turn, so that they have no `repeats`.
   */
  regularisation: z.boolean().default(false),
})

/** One dataset of a training that takes several: how often, with what weight, and how it is shown. */
export const subsetInput = share.extend(ownPresentation.shape)
export type SubsetInput = z.input<typeof subsetInput>

/** A subset with everything said. */
export const subsetSettings = share.extend(presentation.shape)
export type SubsetSettings = z.output<typeof subsetSettings>

/** What a training may say of its data: one dataset, or subsets. */
interface DataChoice<Named> extends Presentation {
  readonly dataset?: Named | null | undefined
  readonly subsets?: readonly (z.output<typeof subsetInput> & { readonly dataset: Named })[] | null | undefined
}

/**
 * The subsets of a training, complete, whether it names one dataset or several.
 * Throws ConfigError: `no-dataset`, `dataset-and-subsets`, `only-class-images`, `setting-without-effect`.
 */
export function subsetsOf<Named>(choice: DataChoice<Named>): (SubsetSettings & { readonly dataset: Named })[] {
  const { dataset, subsets } = choice
  const shown = presentationOf(choice)
  if (dataset != null && subsets != null) {
    throw new ConfigError({
      code: 'dataset-and-subsets',
      message: 'A training takes either one dataset or subsets. Leave one of them out.',
    })
  }
  if (dataset != null) return [{ ...share.parse({}), ...shown, dataset }]
  if (subsets == null || subsets.length === 0) {
    throw new ConfigError({
      code: 'no-dataset',
      message: 'There is nothing to train on. Give a dataset, or subsets with a dataset each.',
    })
  }
  const repeated = subsets.findIndex(({ regularisation, repeats }) => regularisation && repeats !== 1)
  if (repeated >= 0) {
    throw new ConfigError({
      code: 'setting-without-effect',
      message: `subsets[${repeated}].repeats has no effect: class images are seen as often as all other images together. Leave it out.`,
      facts: { setting: `subsets[${repeated}].repeats` },
    })
  }
  if (subsets.every(({ regularisation }) => regularisation)) {
    throw new ConfigError({
      code: 'only-class-images',
      message: 'All subsets hold class images, which only accompany others. Add a subset without regularisation.',
    })
  }
  return subsets.map((own) => ({
    ...own,
    captionDropout: own.captionDropout ?? shown.captionDropout,
    captions: own.captions ?? shown.captions,
    flip: own.flip ?? shown.flip,
    crop: own.crop ?? shown.crop,
    inpaintingMasks: own.inpaintingMasks ?? shown.inpaintingMasks,
  }))
}

function presentationOf({ captionDropout, captions, flip, crop, inpaintingMasks }: Presentation): Presentation {
  return { captionDropout, captions, flip, crop, inpaintingMasks }
}

const plainCaptions = captionSettings.parse({})

/** Whether captions are left as the dataset has them. */
export function arePlain(captions: CaptionSettings): boolean {
  return contentId(captions) === contentId(plainCaptions)
}
