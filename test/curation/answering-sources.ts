import { type LocalServer, type SeenRequest, serve } from '../sources/local-source.ts'

/** An image that a source names. */
export interface SourceHit {
  readonly url: string
  readonly title: string
}

export const answering = ['openverse', 'commons', 'brave', 'flickr'] as const
export type AnsweringSource = (typeof answering)[number]

const size = { width: 1024, height: 768 }

/**
 * A server that answers as Openverse, Wikimedia Commons, Brave and Flickr do, with the fields that their documents name.
 *
 * @param hits what a source finds for a query
 */
export function answeringSources(
  hits: (source: AnsweringSource, query: string) => readonly SourceHit[],
): Promise<LocalServer> {
  return serve(({ path, parameters }: SeenRequest) => {
    if (path === '/v1/images/') return openverse(hits('openverse', parameters.q ?? ''), Number(parameters.page))
    if (path === '/w/api.php')
      return commons(hits('commons', (parameters.gsrsearch ?? '').replace(/^filetype:bitmap /, '')))
    if (path === '/res/v1/images/search') return brave(hits('brave', parameters.q ?? ''))
    if (parameters.method === 'flickr.photos.licenses.getInfo') return flickrLicences
    return flickr(hits('flickr', parameters.text ?? ''))
  })
}

const openversePage = 20

function openverse(hits: readonly SourceHit[], page: number): object {
  const results = hits.slice((page - 1) * openversePage, page * openversePage).map(({ url, title }) => ({
    ...{ id: url, url, title, foreign_landing_url: null, creator: 'Ann', license: 'by', license_version: '2.0' },
    ...{
      license_url: 'https://creativecommons.org/licenses/by/2.0/',
      attribution: `"${title}" by Ann`,
      tags: [],
      ...size,
    },
  }))
  const pages = Math.max(1, Math.ceil(hits.length / openversePage))
  return { result_count: hits.length, page_count: pages, page_size: openversePage, page, results }
}

function commons(hits: readonly SourceHit[]): object {
  const value = (text: string) => ({ value: text, source: 'commons-desc-page' })
  const pages = hits.map(({ url, title }, i) => ({
    ...{ pageid: i, ns: 6, title: `File:${i}.jpg`, index: i + 1 },
    imageinfo: [
      {
        ...{ url, mime: 'image/jpeg', ...size },
        extmetadata: {
          LicenseShortName: value('CC0'),
          LicenseUrl: value('https://creativecommons.org/publicdomain/zero/1.0/'),
          Artist: value('Bob'),
          ImageDescription: value(`<p>${title}</p>`),
        },
      },
    ],
  }))
  return hits.length === 0 ? { batchcomplete: true } : { batchcomplete: true, query: { pages } }
}

function brave(hits: readonly SourceHit[]): object {
  return {
    type: 'images',
    results: hits.map(({ url, title }) => ({ type: 'image_result', title, properties: { url } })),
  }
}

const flickrLicences = {
  licenses: {
    license: [{ id: '4', name: 'Attribution License', url: 'https://creativecommons.org/licenses/by/2.0/' }],
  },
  stat: 'ok',
}

function flickr(hits: readonly SourceHit[]): object {
  const photo = hits.map(({ url, title }, i) => ({
    ...{ id: String(i), owner: 'cat', ownername: 'Cat', title, license: '4', tags: '', description: { _content: '' } },
    ...{ url_o: url, width_o: size.width, height_o: size.height },
  }))
  return { photos: { page: 1, pages: 1, perpage: 100, total: hits.length, photo }, stat: 'ok' }
}
