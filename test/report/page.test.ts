import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeRating } from '../../src/rating/index.ts'
import { buildReport } from '../../src/report/index.ts'
import { browserPath, looks, openBrowser, openPage } from '../page/browser.ts'
import { careful, rateStudy } from '../rating/made-up-raters.ts'
import { writeSampleStudy } from './sample-study.ts'

describe.skipIf(!browserPath)('the report in a browser', () => {
  let parent: string
  let folder: string
  let url: string
  let browser: Browser

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'phalanx-report-'))
    folder = join(parent, 'study')
    await writeSampleStudy(folder)
    await rateStudy(folder, 'main', { catches: 0.1, repeats: 0.1 }, { ann: careful, ben: careful, zed: () => 'left' })
    await closeRating(folder, 'main')
    url = pathToFileURL((await buildReport(folder)).html).href
    browser = await openBrowser()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await rm(parent, { recursive: true, force: true })
  })

  it.each(looks)('%s, %i pixels wide: fits, decodes every image, stays silent, enlarges', async (scheme, width) => {
    const { page, complaints } = await open(scheme, width)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
      scheme === 'light' ? 'rgb(253, 252, 248)' : 'rgb(22, 21, 19)',
    )
    const images = await page.evaluate(
      `Promise.all([...document.images].map((image) => image.decode().then(() => image.naturalWidth)))`,
    )
    expect(images).toHaveLength(124 + 1)
    expect((images as number[]).slice(0, 124).every((size) => size === 64)).toBe(true)

    await page.locator('button.cell').nth(9).click()
    const dialog = page.locator('dialog')
    expect(await dialog.isVisible()).toBe(true)
    expect(await dialog.locator('h3').textContent()).toBe('negative prompt')
    expect(await dialog.locator('.prompt').textContent()).toBe('a photo of an open palm')
    expect(await dialog.locator('.seed').textContent()).toBe('seed 2')
    expect(await dialog.locator('.judgement').textContent()).toMatch(/fingers counted, 5 asked · defect probability 0/)
    expect(await dialog.locator('.siblings img').count()).toBe(4)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    expect(complaints).toEqual([])
    await page.close()
  })

  it.each([1280, 900])('keeps every number within its column, %i pixels wide', async (width) => {
    const { page } = await open('light', width)
    const spilled = await page.evaluate(`[...document.querySelectorAll('.intervals td.number')].filter((cell) => {
      const range = document.createRange()
      range.selectNodeContents(cell)
      return range.getBoundingClientRect().right > cell.getBoundingClientRect().right
    }).map((cell) => cell.textContent)`)
    expect(spilled).toEqual([])
    await page.close()
  })

  it('is worked by keyboard alone: open, walk along the row and across arms, close, focus returns', async () => {
    const { page } = await open('light', 1280)
    await page.locator('button.cell').first().focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowDown')
    const dialog = page.locator('dialog')
    expect(await dialog.locator('h3').textContent()).toBe('negative prompt')
    expect(await dialog.locator('.seed').textContent()).toBe('seed 2')
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(false)
    const focused = await page.evaluate('document.activeElement.querySelector("img").alt')
    expect(focused).toBe('negative prompt, a photo of an open palm, seed 2')
    await page.close()
  })

  it('puts the same prompt and seed of every arm in one column', async () => {
    const { page } = await open('light', 1280)
    const first = page.locator('figure.grid').first()
    const lefts = await first
      .locator('[data-place="0/3"]')
      .evaluateAll((cells) => cells.map((cell) => Math.round(cell.getBoundingClientRect().left)))
    expect(lefts).toHaveLength(4)
    expect(new Set(lefts).size).toBe(1)
    await page.close()
  })

  it('marks missing cells, says what failed, and keeps markup in prompts as text', async () => {
    const { page } = await open('light', 1280)
    expect(await page.locator('.missing').count()).toBe(4)
    expect(await page.locator('.failures').textContent()).toContain('Lower sampling.batchSize')
    const settings = await readFile(join(folder, 'report.html'), 'utf8')
    expect(settings).not.toContain('<b>&')
    expect(settings).toContain('deformed hand &lt;b&gt;&amp;')
    await page.close()
  })

  it('draws the loss on and off the masks of a masked training, with labels that nothing cuts or covers', async () => {
    const { page } = await open('dark', 400)
    expect([await page.locator('.on-mask').count(), await page.locator('.off-mask').count()]).toEqual([1, 1])
    const panel = page.locator('.panel', { has: page.locator('.on-mask') })
    expect(await panel.locator('svg').getAttribute('aria-label')).toMatch(
      /, 0\.\d+ on the masks, 0\.\d+ off the masks$/,
    )
    const places = await panel.locator('.last, .part').evaluateAll((labels) =>
      labels.map((label) => {
        const { top, right } = label.getBoundingClientRect()
        return { top, room: (label.ownerSVGElement?.getBoundingClientRect().right ?? 0) - right }
      }),
    )
    expect(places.map(({ room }) => room >= 0)).toEqual([true, true, true])
    const heights = places.map(({ top }) => top).sort((a, b) => a - b)
    expect(heights.slice(1).every((top, i) => top - (heights[i] ?? 0) > 8)).toBe(true)
    await page.close()
  })

  function open(scheme: 'light' | 'dark', width: number) {
    return openPage(browser, url, { scheme, width })
  }
})
