import { z } from 'zod'
import type { WebSourceDefinition } from './web-source.ts'

const said = z.string().nullish()
const answer = z.object({
  page_count: z.int(),
  page: z.int(),
  results: z.array(
    z.object({
      url: said,
      foreign_landing_url: said,
      title: said,
      creator: said,
      license: z.string(),
      license_version: said,
      license_url: said,
      attribution: said,
      tags: z.array(z.object({ name: z.string() })).nullish(),
      width: z.number().nullish(),
      height: z.number().nullish(),
    }),
  ),
})
/** Most that it gives to those without an account. */
const pageSize = 20
/** It pages no deeper. */
const lastPage = 20

/** Openverse: openly licensed images of many collections, each with its licence (https://api.openverse.org/v1/). */
export const openverse: WebSourceDefinition = {
  name: 'openverse',
  ends: null,
  question: (query, next) => ({
    path: 'v1/images/',
    parameters: { q: query, page: next ?? '1', page_size: String(pageSize) },
  }),
  read: (body) => {
    const { results, page, page_count } = answer.parse(body)
    return {
      hits: results.map(({ url, title, tags, ...result }) =>
        url ? { ...caption(title, tags?.map(({ name }) => name) ?? []), ...factsOf(result), url } : null,
      ),
      next: page < Math.min(page_count, lastPage) ? String(page + 1) : null,
    }
  },
}

function caption(title: string | null | undefined, tags: readonly string[]) {
  return title
    ? { caption: title, captionSource: 'title' as const }
    : { caption: tags.join(', '), captionSource: 'tags' as const }
}

function factsOf(result: Omit<z.output<typeof answer>['results'][number], 'url' | 'title' | 'tags'>) {
  const { foreign_landing_url, creator, license, license_version, license_url, attribution, width, height } = result
  return {
    page: foreign_landing_url,
    creator,
    licence: licenceName(license.toLowerCase(), license_version ?? ''),
    licenceUrl: license_url,
    attribution,
    width,
    height,
  }
}

function licenceName(id: string, version: string): string {
  if (id === 'pdm') return `public domain mark ${version}`.trim()
  return `${id === 'cc0' ? id : `cc ${id}`} ${version}`.trim()
}
