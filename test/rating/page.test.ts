import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RatingInput } from '../../src/config/rating.ts'
import { type OpenRating, openRating } from '../../src/rating/index.ts'
import { browserPath, looks, openBrowser, openPage } from '../page/browser.ts'
import { writeSampleStudy } from '../report/sample-study.ts'

describe.skipIf(!browserPath)('the page of a rating', () => {
  let folder: string
  let study: string
  let browser: Browser
  let ratings = 0

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phalanx-rating-'))
    study = join(folder, 'study')
    await writeSampleStudy(study)
    browser = await openBrowser()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(looks)(
    '%s, %i pixels wide: asks for a name, shows a pair that fits, names no arm, stays silent',
    async (scheme, width) => {
      await using rating = await begin({ count: 6 })
      const { page, complaints } = await openPage(browser, rating.link, { scheme, width })
      expect(page.url()).not.toContain('token')
      expect(await page.evaluate('document.activeElement.id')).toBe('rater')
      await snap(page, `enter-${scheme}-${width}`)
      await enter(page, 'Ann')
      expect(await page.locator('.frame img').count()).toBe(2)
      const sizes = await page
        .locator('.frame')
        .evaluateAll((frames) => frames.map((frame) => frame.getBoundingClientRect().width))
      expect(sizes[0]).toBe(sizes[1])
      expect(sizes[0]).toBeGreaterThan(100)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThanOrEqual(800)
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
        scheme === 'light' ? 'rgb(253, 252, 248)' : 'rgb(22, 21, 19)',
      )
      await snap(page, `pair-${scheme}-${width}`)
      expect(complaints).toEqual([])
      await page.close()
    },
  )

  it('is worked by keyboard alone: votes, undo, enlarge, rest, end; votes are on disk before the next pair', async () => {
    await using rating = await begin({ count: 7, repeats: 0, catches: 0, restAfter: 3 })
    const { page, complaints } = await openPage(browser, rating.link, { scheme: 'light', width: 1280 })
    await page.keyboard.type('Ann')
    await page.keyboard.press('Enter')
    await shows(page, '1 of 7')
    for (const [key, next] of [
      ['ArrowLeft', '2 of 7'],
      ['ArrowDown', '3 of 7'],
    ] as const) {
      await page.keyboard.press(key)
      await shows(page, next)
    }
    expect(await outcomes(rating)).toEqual(['left', 'tie'])

    await page.keyboard.press('z')
    await shows(page, '2 of 7')
    await page.keyboard.press('ArrowRight')
    await shows(page, '3 of 7')
    expect(await outcomes(rating)).toEqual(['left', 'tie', 'undo', 'right'])

    await page.keyboard.press('Space')
    const transforms = async () =>
      (await page.evaluate(
        `[...document.querySelectorAll('.frame img')].map(getComputedStyle).map((style) => style.transform + ' ' + style.transformOrigin)`,
      )) as string[]
    const [left, right] = await transforms()
    expect(left).toMatch(/^matrix\(2, 0, 0, 2/)
    expect(right).toBe(left)
    await page.keyboard.press('Shift+ArrowLeft')
    const moved = await transforms()
    expect(moved[0]).not.toBe(left)
    expect(moved[1]).toBe(moved[0])
    await snap(page, 'enlarged')

    await page.keyboard.press('ArrowUp')
    await page.locator('#rest').waitFor()
    await snap(page, 'rest')
    await page.keyboard.press('ArrowUp')
    expect((await outcomes(rating)).at(-1)).toBe('both-bad')
    await page.keyboard.press('Enter')
    for (let place = 4; place <= 7; place++) {
      if (place === 7)
        await page
          .locator('#rest')
          .waitFor()
          .then(() => page.keyboard.press('Enter'))
      await shows(page, `${place} of 7`)
      await page.keyboard.press('ArrowLeft')
    }
    await page.locator('#done').waitFor()
    await snap(page, 'done')
    expect(await outcomes(rating)).toHaveLength(9)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('goes on where a rater stopped, after a reload and in a server started anew, and tells a second tab', async () => {
    const settings = { count: 6 }
    const { page: first, link } = await (async () => {
      await using rating = await begin(settings)
      const { page } = await openPage(browser, rating.link, { scheme: 'light', width: 1280 })
      await enter(page, 'Ann')
      await page.keyboard.press('ArrowLeft')
      await shows(page, '2 of 6')
      const second = await browser.newPage()
      await second.goto(rating.link)
      await enter(second, ' ANN ')
      await shows(second, '2 of 6')
      await page.keyboard.press('ArrowDown')
      await shows(page, '3 of 6')
      await second.keyboard.press('ArrowRight')
      await second.locator('#trouble').waitFor()
      expect(await second.locator('#trouble').textContent()).toContain('another tab')
      await shows(second, '3 of 6')
      await second.close()
      expect(await outcomes(rating)).toEqual(['left', 'tie'])
      return { page, link: rating.link }
    })()
    await first.keyboard.press('ArrowLeft')
    await first.locator('#trouble').waitFor()
    expect(await first.locator('#trouble').textContent()).toContain('does not count')
    await first.close()
    ratings--
    await using again = await begin(settings)
    expect(again.link).not.toBe(link)
    const { page } = await openPage(browser, again.link, { scheme: 'light', width: 1280 })
    await enter(page, 'ann')
    await shows(page, '3 of 6')
    await page.close()
  })

  it('counts in single images', async () => {
    await using rating = await begin({ mode: 'count', count: 5, repeats: 0 })
    const { page, complaints } = await openPage(browser, rating.link, { scheme: 'light', width: 360 })
    await enter(page, 'Ann')
    expect(await page.locator('.frame img').count()).toBe(1)
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThanOrEqual(800)
    await snap(page, 'count-light-360')
    await page.keyboard.press('2')
    await shows(page, '2 of 5')
    await page.keyboard.press('u')
    await shows(page, '3 of 5')
    await page.getByRole('button', { name: '0', exact: true }).click()
    await shows(page, '4 of 5')
    expect(await outcomes(rating)).toEqual([2, 'unclear', 0])
    expect(complaints).toEqual([])
    await page.close()
  })

  function begin(settings: RatingInput): Promise<OpenRating> {
    return openRating({ study, name: `page-${ratings++}`, settings, host: '127.0.0.1', port: 0 })
  }
})

async function enter(page: Page, name: string): Promise<void> {
  await page.locator('#rater').fill(name)
  await page.keyboard.press('Enter')
  await page.locator('#rate').waitFor()
}

async function shows(page: Page, progress: string): Promise<void> {
  await page.locator('.progress', { hasText: progress }).waitFor()
}

/** What the only rater's file says, in order. */
async function outcomes({ place }: OpenRating): Promise<unknown[]> {
  const votes = join(place.folder, 'votes')
  const [file] = await readdir(votes)
  const lines = (await readFile(join(votes, file as string), 'utf8')).trim().split('\n').slice(1)
  return lines.map((line) => JSON.parse(line)).map(({ type, outcome }) => (type === 'undo' ? type : outcome))
}

/** A picture to look at, where PHALANX_SCREENSHOTS names a folder. */
async function snap(page: Page, name: string): Promise<void> {
  const shots = process.env.PHALANX_SCREENSHOTS
  if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) })
}
