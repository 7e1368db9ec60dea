import { expect, test } from 'vitest'
import { openSource } from '../../src/sources/index.ts'
import { search, serve, surroundings } from './local-source.ts'

const perMinute = 60_000

// Fields and their nesting as https://api.openverse.org/v1/ documents them for `images_search`.
test('openverse: pages until the limit, with licence and attribution of each image', async () => {
  const result = (name: string, more: object = {}) => ({
    id: name,
    title: `A ${name}`,
    foreign_landing_url: `https://www.flickr.com/photos/${name}`,
    url: `https://live.staticflickr.com/${name}.jpg`,
    creator: 'Ann',
    license: 'by-sa',
    license_version: '2.0',
    license_url: 'https://creativecommons.org/licenses/by-sa/2.0/',
    attribution: `"A ${name}" by Ann is licensed under CC BY-SA 2.0.`,
    tags: [{ name: 'hand', accuracy: null }],
    width: 1024,
    height: 768,
    ...more,
  })
  await using server = await serve(({ parameters }) =>
    parameters.page === '1'
      ? {
          result_count: 4,
          page_count: 2,
          page_size: 20,
          page: 1,
          results: [result('palm'), result('gone', { url: null })],
        }
      : {
          ...{ result_count: 4, page_count: 2, page_size: 20, page: 2 },
          results: [
            result('fist', { title: null, license: 'pdm', license_version: '1.0', license_url: 'not an address' }),
            result('wave', { license: 'cc0', license_version: '1.0', height: null }),
          ],
        },
  )
  const around = surroundings()
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, around)
  expect(await search(source, 'hands', 3)).toEqual([
    {
      rank: 1,
      url: 'https://live.staticflickr.com/palm.jpg',
      page: 'https://www.flickr.com/photos/palm',
      creator: 'Ann',
      licence: 'cc by-sa 2.0',
      licenceUrl: 'https://creativecommons.org/licenses/by-sa/2.0/',
      attribution: '"A palm" by Ann is licensed under CC BY-SA 2.0.',
      caption: 'A palm',
      captionSource: 'title',
      width: 1024,
      height: 768,
    },
    expect.objectContaining({
      rank: 3,
      caption: 'hand',
      captionSource: 'tags',
      licence: 'public domain mark 1.0',
      licenceUrl: null,
    }),
    expect.objectContaining({ rank: 4, licence: 'cc0 1.0', height: null }),
  ])
  expect(around.events).toContainEqual({ type: 'result-skip', source: 'openverse', query: 'hands', rank: 2 })
  expect(server.seen.map(({ path, parameters }) => [path, parameters])).toEqual([
    ['/v1/images/', { q: 'hands', page: '1', page_size: '20' }],
    ['/v1/images/', { q: 'hands', page: '2', page_size: '20' }],
  ])
  // A set is made again without asking anybody.
  expect(await search(source, 'hands', 3)).toHaveLength(3)
  expect(server.seen).toHaveLength(2)
})

// As https://www.mediawiki.org/wiki/API:Imageinfo and API:Search show answers of `formatversion=2`.
test('commons: results in the order of their index, HTML made text, other files passed over', async () => {
  const info = (mime: string, extmetadata: object = {}) => ({
    imageinfo: [
      {
        size: 1,
        width: 800,
        height: 600,
        url: 'https://upload.wikimedia.org/wikipedia/commons/a/ab/Palm.jpg',
        descriptionurl: 'https://commons.wikimedia.org/wiki/File:Palm.jpg',
        mime,
        extmetadata,
      },
    ],
  })
  const described = {
    LicenseShortName: { value: 'CC BY-SA 4.0', source: 'commons-desc-page', hidden: '' },
    LicenseUrl: { value: 'https://creativecommons.org/licenses/by-sa/4.0' },
    Artist: { value: '<a href="//commons.wikimedia.org/wiki/User:Bo" title="User:Bo">Bo &amp; Cy</a>' },
    Credit: { value: '<span class="int-own-work">Own work</span>' },
    ImageDescription: { value: '<p>A <b>palm</b><br>of a hand</p><script>alert(1)</script>' },
  }
  await using server = await serve(({ parameters }) =>
    parameters.gsroffset === undefined
      ? {
          batchcomplete: true,
          continue: { gsroffset: 3, continue: 'gsroffset||' },
          query: {
            pages: [
              { pageid: 2, ns: 6, title: 'File:Fist.pdf', index: 2, ...info('application/pdf') },
              { pageid: 3, ns: 6, title: 'File:Open hand.jpg', index: 3, ...info('image/jpeg') },
              { pageid: 1, ns: 6, title: 'File:Palm.jpg', index: 1, ...info('image/jpeg', described) },
            ],
          },
        }
      : { batchcomplete: true },
  )
  const around = surroundings()
  const source = await openSource(
    { type: 'commons', address: server.address, perMinute, contact: 'me@example.com' },
    around,
  )
  expect(await search(source, 'open palm')).toEqual([
    expect.objectContaining({
      rank: 1,
      page: 'https://commons.wikimedia.org/wiki/File:Palm.jpg',
      creator: 'Bo & Cy',
      licence: 'cc by-sa 4.0',
      attribution: 'Own work',
      caption: 'A palm of a hand',
      captionSource: 'description',
    }),
    expect.objectContaining({ rank: 3, caption: 'Open hand', captionSource: 'title', licence: 'unknown' }),
  ])
  expect(server.seen[0]?.headers['user-agent']).toMatch(/^phalanx\/[\d.]+ \(me@example\.com\)$/)
  expect(server.seen.map(({ parameters }) => [parameters.gsrsearch, parameters.gsroffset])).toEqual([
    ['filetype:bitmap open palm', undefined],
    ['filetype:bitmap open palm', '3'],
  ])
})

// As https://api-dashboard.search.brave.com/app/documentation/image-search documents a response.
test('brave: one question for all, with the key in its header', async () => {
  await using server = await serve(() => ({
    type: 'images',
    query: { original: 'hands' },
    results: [
      {
        type: 'image_result',
        title: 'Hands',
        url: 'https://example.com/page',
        source: 'example.com',
        thumbnail: { src: 'https://imgs.search.brave.com/x' },
        properties: { url: 'https://example.com/hands.png', placeholder: 'https://x', width: 900, height: 700 },
      },
      { type: 'image_result', title: 'No file', url: 'https://example.com/page', properties: null },
    ],
  }))
  const source = await openSource({ type: 'brave', address: server.address, perMinute }, surroundings())
  expect(await search(source, 'hands')).toEqual([
    expect.objectContaining({
      url: 'https://example.com/hands.png',
      page: 'https://example.com/page',
      licence: 'unknown',
      width: 900,
    }),
  ])
  expect(server.seen[0]).toMatchObject({
    path: '/res/v1/images/search',
    parameters: { q: 'hands', count: '200' },
    headers: { 'x-subscription-token': 'secret-key' },
  })
})

// As https://www.flickr.com/services/api/flickr.photos.search.html and flickr.photos.licenses.getInfo.html show them.
test('flickr: licences by what their numbers mean, the original before the large file', async () => {
  const photo = (id: string, more: object) => ({
    ...{ id, owner: '1@N00', secret: 's', server: '1', farm: 1, title: '', ispublic: 1, isfriend: 0, isfamily: 0 },
    ...{ license: '5', ownername: 'Di', tags: 'hand palm', description: { _content: '' } },
    ...more,
  })
  const large = { url_l: 'https://live.staticflickr.com/1_b.jpg', height_l: 683, width_l: '1024' }
  await using server = await serve(({ parameters }) =>
    parameters.method === 'flickr.photos.licenses.getInfo'
      ? {
          licenses: {
            license: [
              { id: 0, name: 'All Rights Reserved', url: '' },
              { id: 5, name: 'Attribution-ShareAlike License', url: 'https://creativecommons.org/licenses/by-sa/2.0/' },
            ],
          },
          stat: 'ok',
        }
      : {
          photos: {
            page: 1,
            pages: 1,
            perpage: 100,
            total: 3,
            photo: [
              photo('1', {
                ...large,
                url_o: 'https://live.staticflickr.com/1_o.png',
                width_o: '4000',
                height_o: '3000',
              }),
              photo('2', { ...large, license: 0, title: 'Fist', description: { _content: '<i>My</i> fist' } }),
              photo('3', { license: '99' }),
            ],
          },
          stat: 'ok',
        },
  )
  const around = surroundings()
  const source = await openSource({ type: 'flickr', address: server.address, perMinute }, around)
  expect(await search(source, 'hands')).toEqual([
    expect.objectContaining({
      url: 'https://live.staticflickr.com/1_o.png',
      width: 4000,
      licence: 'cc by-sa 2.0',
      page: 'https://www.flickr.com/photos/1%40N00/1',
      caption: 'hand, palm',
      captionSource: 'tags',
    }),
    expect.objectContaining({
      url: 'https://live.staticflickr.com/1_b.jpg',
      width: 1024,
      licence: 'all rights reserved',
      licenceUrl: null,
      caption: 'My fist',
      captionSource: 'description',
    }),
  ])
  expect(around.events).toContainEqual(expect.objectContaining({ type: 'result-skip', rank: 3 }))
})

test('flickr: a key that it does not take is told by its variable, and nothing is kept', async () => {
  await using server = await serve(() => ({ stat: 'fail', code: 100, message: 'Invalid API Key (secret-key)' }))
  const around = surroundings()
  const source = await openSource({ type: 'flickr', address: server.address, perMinute }, around)
  const failure = search(source, 'hands')
  await expect(failure).rejects.toMatchObject({ name: 'ConfigError', code: 'source-key-refused' })
  await expect(failure).rejects.toThrow(/FLICKR_API_KEY.*\[key\]/)
  expect(around.kept.size).toBe(0)
})

// As https://developers.google.com/custom-search/v1/reference/rest/v1/Search documents it.
test('google: ten at a time to the hundredth, marked with its end, refused after it', async () => {
  await using server = await serve(({ parameters }) => {
    const start = Number(parameters.start)
    const item = (i: number) => ({
      title: `Hand ${start + i}`,
      link: `https://example.com/${start + i}.jpg`,
      image: { contextLink: 'https://example.com/', width: 640, height: 480, byteSize: 9 },
    })
    return {
      queries: { nextPage: [{ startIndex: start + 10, count: 10 }] },
      items: Array.from({ length: 10 }, (_, i) => item(i)),
    }
  })
  const before = () => Date.parse('2026-12-31T23:59:59Z')
  const settings = { type: 'google', address: server.address, perMinute } as const
  const source = await openSource(settings, surroundings({ now: before }))
  expect(source.ends).toBe('2027-01-01')
  const found = await search(source, 'hands', 1000)
  expect(found).toHaveLength(100)
  expect(found.at(-1)).toMatchObject({ rank: 100, caption: 'Hand 100' })
  expect(server.seen[0]?.parameters).toMatchObject({ key: 'secret-key', cx: 'engine', num: '10' })
  const after = openSource(settings, surroundings({ now: () => Date.parse('2027-01-01') }))
  await expect(after).rejects.toMatchObject({ code: 'source-ended', facts: { date: '2027-01-01' } })
})
