import { z } from 'zod'

/**
 * Where a caption was read: which field of an answer, the source page's `img alt`, a column of a list, a text file beside
 * the image, or the name of its folder.
 */
export const captionSource = z.enum([
  'alt',
  'title',
  'description',
  'tags',
  'page-alt',
  'list',
  'sidecar',
  'folder',
  'none',
])
export type CaptionOrigin = z.output<typeof captionSource>

const webAddress = z.url({ protocol: /^https?$/, error: 'must be an address that starts with http:// or https://' })
const pixels = z.int().min(1).nullable().default(null)
const text = z.string().max(8192)

/** An image that a source names, before anybody fetched it. */
export const candidate = z.strictObject({
  /** Address of the image file: http, https, or file for one on this machine. */
  url: z.url({
    protocol: /^(?:https?|file)$/,
    error: 'must be an address that starts with http://, https:// or file://',
  }),
  /** Place in the source's answer to its query, from 1. */
  rank: z.int().min(1),
  /** The page that shows the image. */
  page: webAddress.nullable().default(null),
  creator: text.nullable().default(null),
  /** As the source names it, in lower case (`cc by-sa 4.0`); `unknown` where it says nothing. */
  licence: text.min(1).default('unknown'),
  licenceUrl: webAddress.nullable().default(null),
  /** The sentence that the source asks to be shown with the image. */
  attribution: text.nullable().default(null),
  caption: text.default(''),
  captionSource: captionSource.default('none'),
  /** Size in pixels as the source states it. */
  width: pixels,
  height: pixels,
})
export type CandidateInput = z.input<typeof candidate>
export type Candidate = z.output<typeof candidate>
