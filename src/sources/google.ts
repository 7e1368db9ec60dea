import { z } from 'zod'
import type { WebSourceDefinition } from './web-source.ts'

const answer = z.object({
  queries: z.object({ nextPage: z.array(z.object({ startIndex: z.int() })).optional() }).optional(),
  items: z
    .array(
      z.object({
        title: z.string().nullish(),
        link: z.string(),
        image: z
          .object({
            contextLink: z.string().nullish(),
            width: z.number().nullish(),
            height: z.number().nullish(),
          })
          .nullish(),
      }),
    )
    .default([]),
})
/** It gives no result after the hundredth. */
const lastStart = 91

/**
 * Google's Custom Search: the open web, without licences, at most 100 images a query. It is closed to new customers and
 * ends on 2027-01-01 (https://developers.google.com/custom-search/v1/overview).
 */
export const google = (engine: string): WebSourceDefinition => ({
  name: 'google',
  ends: '2027-01-01',
  question: (query, next) => ({
    path: 'customsearch/v1',
    parameters: { cx: engine, q: query, searchType: 'image', num: '10', start: next ?? '1', safe: 'active' },
  }),
  read: (body) => {
    const { items, queries } = answer.parse(body)
    const start = queries?.nextPage?.[0]?.startIndex
    return {
      hits: items.map(({ title, link, image }) => ({
        url: link,
        page: image?.contextLink,
        caption: title ?? '',
        captionSource: 'title' as const,
        width: image?.width,
        height: image?.height,
      })),
      next: start === undefined || start > lastStart ? null : String(start),
    }
  },
})
