import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freezing } from '../../src/config/freezing.ts'
import { manifestOf, partsOf } from '../../src/curation/freezing/parts.ts'
import { differenceOf } from '../../src/curation/freezing/set-difference.ts'
import { itemOf, type SetItem } from '../../src/curation/manifest.ts'
import { setPage } from '../../src/curation/set-page/set-page.ts'
import type { KeptEntry } from '../../src/ledger/index.ts'
import { browserPath, openBrowser, openPage } from '../page/browser.ts'
import { jpeg } from './local-web-site.ts'

const hostile = '<script>document.title = "broken"</script>"><img src=x onerror=alert(1)>'

function entry(id: number, caption: string, more: Partial<KeptEntry> = {}): KeptEntry {
  return {
    ...{
      id,
      attempts: 1,
      source: 'openverse',
      query: 'hands',
      rank: id,
      url: `https://example.com/${id}.jpg`,
      page: null,
    },
    ...{ creator: null, licence: 'cc by 4.0', licenceUrl: null, attribution: null, caption, captionSource: 'title' },
    ...{ width: null, height: null, blob: String(id).padStart(64, 'a'), earlierCaptions: [] },
    image: {
      ...{ format: 'jpeg', size: 9, width: 640, height: 512 },
      ...{ hash: `${id}`.repeat(16), mirroredHash: `${id}`.repeat(16) },
    },
    ...more,
  }
}

const entries = [
  entry(1, 'an open palm'),
  entry(2, `palm ${hostile}`, { licence: hostile }),
  entry(3, 'a drawing of a fist'),
  entry(4, ''),
]
const settings = freezing.parse({
  picks: [{ name: 'two', strategy: 'seeded', count: 2 }],
  splits: { shares: { train: 0.5, held: 0.5 }, distance: 0 },
})
const items = entries.map((one) => itemOf(one, 'original', settings.captions))
const thumbnail = `data:image/jpeg;base64,${(await jpeg(9)).toString('base64')}`
const manifest = await manifestOf(items, settings, (blob) => blob)
const page = setPage(manifest, partsOf(manifest, settings), {
  sha256: 'ab'.repeat(32),
  noDerivatives: 2,
  refusals: [
    {
      ...{ reason: 'too-small', count: 7 },
      examples: [{ address: `https://example.com/${hostile}`, thumbnail: null }],
    },
    { reason: 'watermark', count: 1, examples: [{ address: 'https://example.com/w', thumbnail }] },
  ],
  child: {
    parent: 'cd'.repeat(32),
    difference: differenceOf(
      [
        { ...(items[0] as SetItem), caption: hostile },
        { ...(items[1] as SetItem), blob: 'gone' },
      ],
      items.slice(0, 2),
      () => 'watermark',
    ),
  },
})

test('what others wrote is text on the page, whatever it holds', () => {
  expect(page).not.toContain('<script')
  expect(page).not.toContain('<img src=x')
  expect(page).toContain('&lt;script&gt;')
})

describe.skipIf(!browserPath)('in a browser', () => {
  let browser: Browser
  let folder: string
  beforeAll(async () => {
    browser = await openBrowser()
    folder = await mkdtemp(join(tmpdir(), 'set-page-'))
    await mkdir(join(folder, 'images'))
    for (const [i, { file }] of items.entries()) await writeFile(join(folder, file), await jpeg(i))
    await writeFile(join(folder, 'index.html'), page)
  })
  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true, force: true })
  })

  test.each([
    ['light', 1200],
    ['dark', 390],
  ] as const)('it shows images by view, words, licences and reasons, %s and %i wide', async (scheme, width) => {
    const { page: shown, complaints } = await openPage(browser, pathToFileURL(join(folder, 'index.html')).href, {
      scheme,
      width,
    })
    expect(await shown.title()).toBe('4 images · Phalanx')
    // Pictures are loaded when they come near.
    await shown.locator('.sheet').first().scrollIntoViewIfNeeded()
    const areLoaded = '[...document.images].slice(0, 2).every((image) => image.naturalWidth > 0)'
    await expect.poll(() => shown.evaluate(areLoaded), { timeout: 30_000 }).toBe(true)
    const sheets = await shown
      .locator('.sheet')
      .evaluateAll((found) => found.map((sheet) => sheet.querySelectorAll('img').length))
    // Photos, the others, and folded up the pick and both parts.
    expect(sheets).toEqual([3, 1, 2, 2, 2])
    const text = (await shown.locator('main').textContent())?.replaceAll('\n', '')
    for (const part of [
      'palm 2',
      'Without a caption: 1.',
      'too-small',
      'licence forbids derived works',
      'has 512 to 512 pixels',
      // 5:4 is nearest to it, and 640 by 512 are fewer pixels than 768 by 768.
      'trained at 512 × 512images576 × 4484',
      '4 have fewer pixels and are enlarged.',
      'words in a captionimages0–324–718–111',
      'twotwo.jsonl2',
      'in 4 groups that stay together',
      '1 added',
      '1 taken out',
      '1 with another caption',
    ])
      expect(text).toContain(part)
    const overflow = await shown.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    expect(overflow).toBeLessThanOrEqual(0)
    expect(complaints).toEqual([])
    await shown.close()
  })
})
