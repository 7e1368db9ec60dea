import { z } from 'zod'
import { nearestName } from '../util/nearest-name.ts'
import { seed } from './sampling.ts'

/** Also the name of a file. */
const name = z
  .string()
  .regex(/^[a-z0-9]+(?:[-+][a-z0-9]+)*$/, { error: 'must be lower-case words joined by hyphens' })
  .max(60)
const word = z.string().trim().min(1).max(100)
const words = z.array(word).min(1).max(100)

/** A part of a set by a rule. Words are found whole, whatever their case; several in a row are a phrase. */
const view = z
  .strictObject({
    name,
    /** One of these stands in the query or the caption. */
    with: words.optional(),
    /** None of these stands in the query or the caption. */
    without: words.optional(),
    /** One of these stands in the query. */
    query: words.optional(),
  })
  .refine((rule) => rule.with !== undefined || rule.without !== undefined || rule.query !== undefined, {
    error: 'needs a rule: with, without or query',
  })
export type ViewSettings = z.output<typeof view>

/** The two sets of the paper, which every frozen set has: everything, and what is never called a drawing. */
export const paperViews: readonly ViewSettings[] = [
  { name: 'photos+drawings' },
  { name: 'photos', without: ['drawing', 'drawings'] },
]
const everything = 'photos+drawings'

const drawn = {
  name,
  /** The view that it is taken from. */
  view: name.default(everything),
  /** Most images. */
  count: z.int().min(1).max(10_000).default(10),
  /** Another one takes other images. */
  seed: seed.default(0),
}

/** A small set out of a view. */
const pick = z.discriminatedUnion('strategy', [
  /** Images as unlike each other as can be. */
  z.strictObject({ strategy: z.literal('diverse'), ...drawn }),
  /** Images by chance. */
  z.strictObject({ strategy: z.literal('seeded'), ...drawn }),
  z.strictObject({
    strategy: z.literal('by-hand'),
    name: drawn.name,
    view: drawn.view,
    /** The beginning of their SHA-256 (8 digits or more), their file in the set, or the name of the file they were. */
    images: z.array(z.string().min(1).max(1000)).min(1).max(10_000),
  }),
])
export type PickSettings = z.output<typeof pick>

const pattern = z.string().min(1).max(500).refine(isPattern, { error: 'must be a regular expression' })

/** Parts of a set of which none holds an image that is like one in another part. */
const splits = z.strictObject({
  view: name.default(everything),
  seed: seed.default(0),
  /** What share of the images each part has, by its name; together 1. */
  shares: z
    .record(name, z.number().gt(0).lt(1))
    .default({ train: 0.8, validation: 0.1, test: 0.1 })
    .refine((shares) => Object.keys(shares).length >= 2, { error: 'must name two parts or more' })
    .refine((shares) => Math.abs(Object.values(shares).reduce((sum, share) => sum + share, 0) - 1) < 1e-6, {
      error: 'must have a sum of 1',
    }),
  /** Images of one page or one creator stay together. */
  together: z
    .array(z.enum(['page', 'creator']))
    .max(2)
    .default(['page', 'creator']),
  /**
   * Images stay together whose original file names have the same match of this regular expression, or of its first group
   * when it has one: `^(.*)_pic` for recordings whose frames are `<recording>_pic<number>.jpg`. Null for no such rule.
   */
  fileName: pattern.nullable().default(null),
  /** Bits of 64 in which the perceptual hashes of two images differ at most for them to stay together, 0 to 16. */
  distance: z.int().min(0).max(16).default(10),
})
export type SplitSettings = z.output<typeof splits>

const template = z
  .string()
  .max(500)
  .refine(
    (text) => [...text.matchAll(/\{([^{}]*)\}/g)].every(([, place]) => place === 'caption' || place === 'query'),
    {
      error: 'may have the places {caption} and {query}',
    },
  )
  .refine((text) => /\{(?:caption|query)\}/.test(text), { error: 'must have a place, {caption} or {query}' })

/** How captions are worded when a set is frozen. Views look at the captions as they were before. */
const captions = z.strictObject({
  /** `{caption}` and `{query}` are filled in; commas that an empty one leaves at an end or in a row are left out. */
  template: template.default('{caption}'),
  /** Text before each caption, with a space between. */
  prefix: z.string().trim().max(500).default(''),
  /** Text after each caption, likewise. */
  suffix: z.string().trim().max(500).default(''),
})
export type CaptionWording = z.output<typeof captions>

/** What a set is frozen into. */
export const freezing = z
  .strictObject({
    /** Beside `photos+drawings` (everything) and `photos` (without "drawing" and "drawings"). */
    views: z.array(view).max(100).default([]),
    picks: z.array(pick).max(100).default([]),
    /** Null for none. */
    splits: splits.nullable().default(null),
    captions: captions.prefault({}),
  })
  .superRefine(({ views, picks, splits: parts }, context) => {
    const refuse = (path: (string | number)[], input: string, message: string) =>
      context.addIssue({ code: 'custom', path, input, message })
    const viewNames = [...paperViews, ...views].map((one) => one.name)
    const taken = new Set(['metadata', 'attribution', ...paperViews.map((one) => one.name)])
    const take = (path: (string | number)[], given: string) => {
      if (taken.has(given)) refuse(path, given, 'is the name of something else in the set')
      taken.add(given)
    }
    for (const [i, one] of views.entries()) take(['views', i, 'name'], one.name)
    for (const [i, one] of picks.entries()) take(['picks', i, 'name'], one.name)
    for (const part of Object.keys(parts?.shares ?? {})) take(['splits', 'shares', part], part)
    const know = (path: (string | number)[], given: string) => {
      if (viewNames.includes(given)) return
      const nearest = nearestName(given, viewNames)
      refuse(
        path,
        given,
        `must be a view: ${nearest === undefined ? viewNames.join(', ') : `did you mean "${nearest}"?`}`,
      )
    }
    for (const [i, one] of picks.entries()) know(['picks', i, 'view'], one.view)
    if (parts !== null) know(['splits', 'view'], parts.view)
  })
export type FreezingInput = z.input<typeof freezing>
export type FreezingSettings = z.output<typeof freezing>

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}
