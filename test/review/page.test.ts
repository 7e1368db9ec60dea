import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freezeSet, type SetManifest } from '../../src/curation/index.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { type OpenReview, openReview } from '../../src/review/index.ts'
import { jpeg } from '../curation/local-web-site.ts'
import { browserPath, looks, openBrowser, openPage } from '../page/browser.ts'
import { type SamplePicture, writeSampleSet } from './sample-set.ts'

const hostile =
  '<script>document.title = "broken"</script> \u202eright to left\u202c \u001b[31m <img src=x onerror=alert(1)>'
const wide = { scheme: 'light', width: 1280 } as const

describe.skipIf(!browserPath)('the page of a review', () => {
  let folder: string
  let browser: Browser
  let pictures: Buffer[]
  let sets = 0

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phalanx-review-'))
    pictures = await Promise.all(Array.from({ length: 20 }, (_, i) => jpeg(i, 96)))
    browser = await openBrowser()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(looks)(
    '%s, %i pixels wide: shows a picture and the sheet within the window, in silence',
    async (scheme, width) => {
      const small = await sharp(pictures[0]).resize(64, 64).jpeg().toBuffer()
      await using review = await reviewOf([
        ...pictures.map((bytes, i) => ({ bytes, caption: i === 0 ? hostile : 'a palm' })),
        { bytes: small },
      ])
      const { page, complaints } = await openPage(browser, review.link, { scheme, width })
      expect(page.url()).not.toContain('token')
      await enter(page, 'Ann')
      await shows(page, '0 of 20 decided')
      expect(await page.locator('.words').textContent()).toBe(hostile)
      expect(await page.title()).toContain('review')
      expect(await page.locator('.alike button').count()).toBeGreaterThan(0)
      await page.locator('figcaption', { hasText: 'of 64 bits apart' }).waitFor()
      await fits(page, width)
      await snap(page, `one-${scheme}-${width}`)
      await page.keyboard.press('g')
      await page.locator('.tile').first().waitFor()
      await fits(page, width)
      await snap(page, `sheet-${scheme}-${width}`)
      await page.keyboard.press('?')
      await page.locator('#help[open]').waitFor()
      await fits(page, width)
      await page.keyboard.press('Escape')
      expect(complaints).toEqual([])
      await page.close()
    },
  )

  it('is worked by keyboard alone, through twenty pictures to a frozen set that heeds every decision', async () => {
    const small = await sharp(pictures[2]).resize(64, 64).jpeg().toBuffer()
    const given = [
      ...pictures.slice(0, 19).map((bytes, i) => ({ bytes, caption: `palm ${i + 1}` })),
      { bytes: small, caption: 'small' },
    ]
    await using review = await reviewOf(given)
    const { page, complaints } = await openPage(browser, review.link, wide)
    await page.keyboard.type('Ann')
    await page.keyboard.press('Enter')
    await shows(page, '0 of 19 decided')
    const press = async (key: string, progress: string): Promise<void> => {
      await page.keyboard.press(key)
      await shows(page, `${progress} of 19 decided`)
      await idle(page)
    }
    await press('k', '1')
    await press('x', '2')
    // On the third a smaller copy gave way to it; the copy stays beside it, and is no duplicate.
    await caption(page, 'palm 3')
    await page.keyboard.press('e')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('an open palm')
    await page.keyboard.press('Enter')
    await caption(page, 'an open palm')
    await press('k', '3')
    await press('w', '4')
    await press('c', '5')
    for (const [key, progress] of [
      ['x', '6'],
      ['u', '5'],
      ['u', '4'],
      ['u', '3'],
    ] as const)
      await press(key, progress)
    await caption(page, 'palm 4')
    await page.reload()
    await shows(page, '3 of 19 decided')
    await page.keyboard.press('u')
    await shows(page, '2 of 19 decided')
    await caption(page, 'an open palm')
    await press('k', '3')
    await press('w', '4')
    await press('c', '5')
    for (let done = 6; done <= 18; done++) await press('k', String(done))
    // The last one: a look back and forth, enlarged, and taken from the sheet.
    await caption(page, 'palm 19')
    await page.keyboard.press('Space')
    expect(await page.locator('.zoomed').count()).toBe(1)
    await page.keyboard.press('g')
    await page.locator('.tile[aria-selected=true]').waitFor()
    await press('x', '19')
    await page.keyboard.press('g')
    await page.locator('#none', { hasText: 'Everything is decided' }).waitFor()
    await snap(page, 'decided')
    await page.keyboard.press('f')
    await page.keyboard.type('near')
    await page.keyboard.press('Enter')
    await caption(page, 'small')
    await snap(page, 'near-duplicate')
    await page.keyboard.press('n')
    await page.locator('#none', { hasText: 'Nothing is here' }).waitFor()
    expect(complaints).toEqual([])
    await page.close()
    await review.close()

    const frozen = await freezeSet(review.folder)
    expect(frozen.unreviewed).toBe(0)
    const { items } = JSON.parse(await readFile(join(frozen.folder, 'manifest.json'), 'utf8')) as SetManifest
    const kept = [1, 3, ...Array.from({ length: 13 }, (_, i) => i + 6)].map((i) =>
      i === 3 ? 'an open palm' : `palm ${i}`,
    )
    expect(items.map(({ plainCaption }) => plainCaption)).toEqual([...kept, 'small'])
    expect(items[1]).toMatchObject({
      captionSource: 'edited',
      earlierCaptions: [{ caption: 'palm 3', captionSource: 'alt' }],
    })
    await using ledger = await openLedger(review.folder)
    expect(ledger.counts().refusals).toEqual([
      { reason: 'dropped', count: 2 },
      { reason: 'clip-art', count: 1 },
      { reason: 'watermark', count: 1 },
    ])
  }, 120_000)

  it('lets two people work at a time, each on other pictures, and one see what the other decides', async () => {
    await using review = await reviewOf(pictures.map((bytes, i) => ({ bytes, caption: `palm ${i + 1}` })))
    const second = await openBrowser()
    await using _closing = { [Symbol.asyncDispose]: () => second.close() }
    const [ann, ben] = [await openPage(browser, review.link, wide), await openPage(second, review.link, wide)]
    await enter(ann.page, 'Ann')
    await caption(ann.page, 'palm 1')
    await enter(ben.page, 'Ben')
    await caption(ben.page, 'palm 2')
    await shows(ann.page, 'also here: Ben')
    await ann.page.keyboard.press('k')
    await caption(ann.page, 'palm 3')
    await shows(ben.page, '1 of 20 decided')
    // Ben goes where Ann is, is told, and cannot decide in her place.
    await ben.page.keyboard.press('ArrowRight')
    await ben.page.locator('#trouble', { hasText: 'Ann looks at this picture' }).waitFor()
    await ben.page.keyboard.press('x')
    await ben.page.locator('#trouble', { hasText: 'Go on with another one' }).waitFor()
    await ben.page.keyboard.press('ArrowLeft')
    await caption(ben.page, 'palm 2')
    const both = [ann.page, ben.page]
    for (let round = 0; round < 3; round++) await Promise.all(both.map((page) => decideNext(page)))
    await ann.page.close()
    await review.close()
    await using ledger = await openLedger(review.folder)
    const candidates = ledger.review.lines().map(({ candidate }) => candidate)
    expect(new Set(candidates).size).toBe(candidates.length)
    expect(new Set(ledger.review.lines().map(({ reviewer }) => reviewer)).size).toBe(2)
  }, 120_000)

  it('tells a second tab that it is late, and who has lost the server that nothing counts', async () => {
    const review = await reviewOf(pictures.slice(0, 3).map((bytes, i) => ({ bytes, caption: `palm ${i + 1}` })))
    const { page: first } = await openPage(browser, review.link, wide)
    await enter(first, 'Ann')
    await caption(first, 'palm 1')
    const { page: second } = await openPage(browser, review.link, wide)
    await enter(second, 'Ann')
    await second.keyboard.press('ArrowLeft')
    await caption(second, 'palm 1')
    await second.keyboard.press('x')
    await shows(second, '1 of 3 decided')
    await second.close()
    await first.evaluate('view.entry.revision = 0')
    await first.keyboard.press('w')
    await first.locator('#trouble', { hasText: 'decided on this picture meanwhile' }).waitFor()
    expect(review.counts()).toMatchObject({ dropped: 1, watermark: 0 })
    await review.close()
    await first.keyboard.press('k')
    await first.locator('#trouble', { hasText: 'does not answer' }).waitFor()
    await first.close()
  })

  it('filters, and shows hundreds of pictures with a few tiles', async () => {
    const many = Array.from({ length: 300 }, (_, i) => ({
      bytes: pictures[i % 20] as Buffer,
      query: i % 3 === 0 ? 'fists' : 'palms',
    }))
    await using review = await reviewOf(many, { same: true })
    const { page, complaints } = await openPage(browser, review.link, wide)
    await enter(page, 'Ann')
    await page.keyboard.press('g')
    await page.locator('.tile').first().waitFor()
    const count = (): Promise<number> => page.locator('.tile').count()
    const before = await count()
    await page.keyboard.press('End')
    await page.locator('.tile[aria-posinset="300"][aria-selected=true]').waitFor()
    expect(before).toBeLessThan(100)
    expect(await count()).toBeLessThan(100)
    await page.selectOption('#query', 'fists')
    await page.locator('.tile[aria-setsize="100"]').first().waitFor()
    await page.selectOption('#state', 'dropped')
    await page.locator('.tile').first().waitFor({ state: 'detached' })
    expect(complaints).toEqual([])
    await page.close()
  })

  async function reviewOf(given: readonly SamplePicture[], { same = false } = {}): Promise<OpenReview> {
    const set = join(folder, `set-${sets++}`)
    await writeSampleSet(set, given, { same })
    return openReview(set)
  }
})

async function enter(page: Page, name: string): Promise<void> {
  await page.locator('#reviewer').fill(name)
  await page.keyboard.press('Enter')
  await page.locator('#one').waitFor()
}

async function shows(page: Page, progress: string): Promise<void> {
  await page.locator('.progress', { hasText: progress }).waitFor()
}

/** Waits until the picture with a caption is shown and nothing is under way. */
async function caption(page: Page, words: string): Promise<void> {
  await page.locator('.words', { hasText: new RegExp(`^${words}$`) }).waitFor()
  await idle(page)
}

/** Keys count again once what the last one began has ended. */
async function idle(page: Page): Promise<void> {
  await page.locator('#review[aria-busy=false]').waitFor()
}

/** Decides on whatever is before a person. */
async function decideNext(page: Page): Promise<void> {
  await idle(page)
  const before = await page.evaluate('view.entry.id')
  await page.keyboard.press('k')
  await page.locator(`#one:not([data-candidate="${before}"])`).waitFor()
}

async function fits(page: Page, width: number): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
  expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThanOrEqual(800)
}

/** A picture to look at, where PHALANX_SCREENSHOTS names a folder. */
async function snap(page: Page, name: string): Promise<void> {
  const shots = process.env.PHALANX_SCREENSHOTS
  if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) })
}
