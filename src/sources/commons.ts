import { z } from 'zod'
import { licenceAt } from './licence.ts'
import { plainText } from './plain-text.ts'
import type { WebSourceDefinition } from './web-source.ts'

const field = z.object({ value: z.coerce.string() }).optional()
const imageInfo = z.object({
  url: z.string(),
  descriptionurl: z.string().optional(),
  mime: z.string(),
  width: z.number(),
  height: z.number(),
  extmetadata: z
    .object({
      LicenseShortName: field,
      LicenseUrl: field,
      Artist: field,
      Credit: field,
      Attribution: field,
      ImageDescription: field,
    })
    .default({}),
})
const page = z.object({ title: z.string(), index: z.int(), imageinfo: z.array(imageInfo).default([]) })
const answer = z.object({
  continue: z.object({ gsroffset: z.int() }).optional(),
  // Without a result the whole field is missing.
  query: z.object({ pages: z.array(page) }).default({ pages: [] }),
})
const photographs = new Set(['image/jpeg', 'image/png', 'image/webp'])
const pageSize = 50

/**
 * Wikimedia Commons: freely licensed files, each with its licence (https://www.mediawiki.org/wiki/API:Imageinfo).
 * Files that are no JPEG, PNG or WebP are passed over.
 */
export const commons: WebSourceDefinition = {
  name: 'commons',
  ends: null,
  question: (query, next) => ({
    path: 'w/api.php',
    parameters: {
      action: 'query',
      format: 'json',
      formatversion: '2',
      generator: 'search',
      gsrnamespace: '6',
      gsrsearch: `filetype:bitmap ${query}`,
      gsrlimit: String(pageSize),
      prop: 'imageinfo',
      iiprop: 'url|size|mime|extmetadata',
      ...(next === null ? {} : { gsroffset: next }),
    },
  }),
  read: (body) => {
    const { query, continue: more } = answer.parse(body)
    const ordered = query.pages.toSorted((a, b) => a.index - b.index)
    return {
      hits: ordered.map(({ title, imageinfo: [info] }) =>
        info !== undefined && photographs.has(info.mime) ? hitOf(title, info) : null,
      ),
      next: more === undefined ? null : String(more.gsroffset),
    }
  },
}

function hitOf(title: string, { url, descriptionurl, width, height, extmetadata }: z.output<typeof imageInfo>) {
  const { LicenseShortName, LicenseUrl, Artist, Credit, Attribution, ImageDescription } = extmetadata
  const description = plainText(ImageDescription?.value ?? '')
  const licenceUrl = LicenseUrl?.value ?? null
  return {
    url,
    page: descriptionurl ?? null,
    creator: plainText(Artist?.value ?? ''),
    licence: licenceAt(licenceUrl ?? '') ?? plainText(LicenseShortName?.value ?? '').toLowerCase(),
    licenceUrl,
    attribution: plainText((Attribution ?? Credit)?.value ?? ''),
    ...(description === ''
      ? { caption: title.replace(/^[^:]*:|\.\w+$/g, ''), captionSource: 'title' as const }
      : { caption: description, captionSource: 'description' as const }),
    width,
    height,
  }
}
