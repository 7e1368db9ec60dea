import { z } from 'zod'
import type { ConfigError, DatasetError } from '../errors/index.ts'
import { licenceAt } from './licence.ts'
import { plainText } from './plain-text.ts'
import type { Question } from './question.ts'
import type { WebSourceDefinition } from './web-source.ts'

const failure = z.object({ stat: z.literal('fail'), code: z.int(), message: z.string() })
const id = z.coerce.string()
const pixels = z.coerce.number().optional()
const answer = z.object({
  stat: z.literal('ok'),
  photos: z.object({
    page: z.coerce.number().int(),
    pages: z.coerce.number().int(),
    photo: z.array(
      z.object({
        id,
        owner: z.string(),
        title: z.string(),
        license: id,
        ownername: z.string().optional(),
        tags: z.string().optional(),
        description: z.object({ _content: z.string() }).optional(),
        url_o: z.string().optional(),
        width_o: pixels,
        height_o: pixels,
        url_l: z.string().optional(),
        width_l: pixels,
        height_l: pixels,
      }),
    ),
  }),
})
type Photo = z.output<typeof answer>['photos']['photo'][number]
const licences = z.object({
  stat: z.literal('ok'),
  licenses: z.object({ license: z.array(z.object({ id, name: z.string(), url: z.string() })) }),
})
/** A licence by Flickr's number for it. */
export type FlickrLicences = ReadonlyMap<string, { readonly name: string; readonly url: string }>
/** Flickr's code for a key that is not valid. */
const invalidKey = 100

/** What Flickr's numbers of licences mean, which grows now and then. */
export const licencesQuestion: Question = {
  path: 'services/rest/',
  parameters: { method: 'flickr.photos.licenses.getInfo', format: 'json', nojsoncallback: '1' },
}

/** Turns Flickr's refusal, which comes with status 200, into an error. */
export type Refusal = (status: number, text: string) => ConfigError | DatasetError

export function readLicences(body: unknown, refusal: Refusal): FlickrLicences {
  throwFailure(body, refusal)
  return new Map(
    licences
      .parse(body)
      .licenses.license.map(({ id, name, url }) => [id, { name: licenceAt(url) ?? name.toLowerCase(), url }]),
  )
}

/** Flickr: photographs with the licence that their owner chose (https://www.flickr.com/services/api/). */
export function flickr(known: () => FlickrLicences, refusal: Refusal): WebSourceDefinition {
  return {
    name: 'flickr',
    ends: null,
    question: (query, next) => ({
      path: 'services/rest/',
      parameters: {
        method: 'flickr.photos.search',
        text: query,
        media: 'photos',
        sort: 'relevance',
        safe_search: '1',
        extras: 'license,owner_name,description,tags,url_o,url_l',
        per_page: '100',
        page: next ?? '1',
        format: 'json',
        nojsoncallback: '1',
      },
    }),
    read: (body) => {
      throwFailure(body, refusal)
      const { photo, page, pages } = answer.parse(body).photos
      return {
        hits: photo.map((one) => hitOf(one, known())),
        next: page < pages ? String(page + 1) : null,
      }
    },
  }
}

/** The original where its owner gives it, else the large one. */
function hitOf(photo: Photo, known: FlickrLicences) {
  const original = photo.url_o !== undefined
  const url = photo.url_o ?? photo.url_l
  if (url === undefined) return null
  const licence = known.get(photo.license)
  const page = `https://www.flickr.com/photos/${encodeURIComponent(photo.owner)}/${encodeURIComponent(photo.id)}`
  return {
    url,
    page,
    creator: photo.ownername ?? null,
    licence: licence?.name ?? 'unknown',
    licenceUrl: licence?.url ?? null,
    attribution: `"${photo.title}" by ${photo.ownername ?? photo.owner}, ${page}`,
    ...captionOf(photo),
    width: original ? photo.width_o : photo.width_l,
    height: original ? photo.height_o : photo.height_l,
  }
}

function captionOf({ title, description, tags }: Photo) {
  const text = plainText(description?._content ?? '')
  if (text !== '') return { caption: text, captionSource: 'description' as const }
  if (title.trim() !== '') return { caption: title, captionSource: 'title' as const }
  return { caption: (tags ?? '').split(' ').join(', '), captionSource: 'tags' as const }
}

function throwFailure(body: unknown, refusal: Refusal): void {
  const failed = failure.safeParse(body)
  if (failed.success)
    throw refusal(failed.data.code === invalidKey ? 403 : 400, `${failed.data.code}: ${failed.data.message}`)
}
