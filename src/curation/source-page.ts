import { Parser } from 'htmlparser2'
import { z } from 'zod'
import { urlKey } from '../ledger/index.ts'
import { refusingTag, reservesMining } from '../web/index.ts'

/** What a page says of itself and of its images, which is kept in its place. */
export const sourcePage = z.strictObject({
  /** The directive that refuses, in lower case; null where none does. */
  refusal: z.string().nullable(),
  /** Images that have an alternative text, in the order of the page. */
  images: z.array(z.strictObject({ keys: z.array(z.string()), alt: z.string() })),
})
export type SourcePage = z.output<typeof sourcePage>

/** Directives of a page that concern its images; others, as `noindex`, are about the page itself. */
const refusing = new Set(['noai', 'noimageai', 'noimageindex'])
const longestAlt = 8192
/** Where pages name an image: at once, or for scripts that load it when it comes into sight. */
const addressNames = ['src', 'data-src', 'data-original', 'data-lazy-src', 'data-lazy', 'data-full', 'data-image']
const addressSetNames = ['srcset', 'data-srcset', 'data-lazy-srcset']

type Attributes = Readonly<Record<string, string>>

/**
 * Reads the HTML of a page: whether `<meta name="robots">`, one for this robot alone, an `X-Robots-Tag` or a
 * `tdm-reservation` in it refuses its images, and the `alt` of each image by every address that the page gives it, those of
 * a `<picture>` included. Nothing is run or loaded.
 *
 * @param address of the page, which its own addresses are relative to
 * @param robot own name, in lower case
 * @param tags the `X-Robots-Tag` headers that came with it
 */
export function readSourcePage(html: string, address: string, robot: string, tags: readonly string[] = []): SourcePage {
  const images: { keys: string[]; alt: string }[] = []
  let refusal = refusingTag(tags, robot, refusing)
  let base = address
  let pictureKeys: string[] = []
  const parser = new Parser({
    onopentag: (name, attributes) => {
      if (name === 'meta') refusal ??= refusalOf(attributes, robot)
      else if (name === 'base' && URL.canParse(attributes.href ?? '', address))
        base = new URL(attributes.href ?? '', address).href
      else if (name === 'picture') pictureKeys = []
      else if (name === 'source') pictureKeys.push(...keysOf(attributes, base))
      else if (name === 'img') {
        const alt = textOf(attributes.alt)
        if (alt !== '') images.push({ keys: [...new Set([...keysOf(attributes, base), ...pictureKeys])], alt })
      }
    },
    onclosetag: (name) => {
      if (name === 'picture') pictureKeys = []
    },
  })
  parser.end(html)
  return { refusal, images }
}

/** The alternative text of the image that has one of some addresses, the first that the page gives; null without one. */
export function altOf({ images }: SourcePage, addresses: readonly string[]): string | null {
  const keys = addresses.map(urlKey)
  return images.find((image) => image.keys.some((key) => keys.includes(key)))?.alt ?? null
}

function refusalOf(attributes: Attributes, robot: string): string | null {
  const name = (attributes.name ?? attributes.property ?? attributes['http-equiv'] ?? '').trim().toLowerCase()
  const content = attributes.content ?? ''
  if (name === 'x-robots-tag') return refusingTag([content], robot, refusing)
  if (name === 'tdm-reservation') return reservesMining([content]) ? name : null
  if (name !== 'robots' && name !== robot) return null
  return (
    content
      .toLowerCase()
      .split(/[\s,;]+/)
      .find((directive) => refusing.has(directive)) ?? null
  )
}

function keysOf(attributes: Attributes, base: string): string[] {
  const single = addressNames.flatMap((name) => attributes[name] ?? [])
  const several = addressSetNames.flatMap((name) => addressesIn(attributes[name] ?? ''))
  return [...single, ...several].flatMap((text) => {
    const address = text.trim()
    if (address === '' || !URL.canParse(address, base)) return []
    const url = new URL(address, base)
    return url.protocol === 'http:' || url.protocol === 'https:' ? [urlKey(url.href)] : []
  })
}

/** The addresses of a `srcset`: each ends at a blank, and a comma at its end parts it from the next. */
function addressesIn(set: string): string[] {
  return [...set.matchAll(/([^\s,]\S*)(\s+[^,]*)?(?:,|$)/g)].map(([, address = '']) => address.replace(/,+$/, ''))
}

function textOf(alt: string | undefined): string {
  const clean = (alt ?? '').toWellFormed().replaceAll(/\s+/g, ' ').trim()
  return clean.slice(0, longestAlt).replace(/\p{Surrogate}$/u, '')
}
