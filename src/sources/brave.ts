import { z } from 'zod'
import type { WebSourceDefinition } from './web-source.ts'

const answer = z.object({
  results: z.array(
    z.object({
      title: z.string().nullish(),
      url: z.string().nullish(),
      properties: z
        .object({
          url: z.string().nullish(),
          width: z.number().nullish(),
          height: z.number().nullish(),
        })
        .nullish(),
    }),
  ),
})

/** Brave's image search: the open web, without licences, at most 200 images a query (https://api.search.brave.com). */
export const brave: WebSourceDefinition = {
  name: 'brave',
  ends: null,
  question: (query) => ({
    path: 'res/v1/images/search',
    parameters: { q: query, count: '200', safesearch: 'strict' },
  }),
  read: (body) => ({
    hits: answer.parse(body).results.map(({ title, url, properties }) =>
      properties?.url
        ? {
            url: properties.url,
            page: url,
            caption: title ?? '',
            captionSource: 'title' as const,
            width: properties.width,
            height: properties.height,
          }
        : null,
    ),
    next: null,
  }),
}
