/**
 * How smoothly the sheet of a review scrolls: long tasks and late frames of Chromium, and tiles in sight whose picture is
 * not there yet, while 5,000 pictures go by, first with thumbnails to be made, then again.
 *
 *   npx tsx experiments/datasets/measure-scrolling.ts
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlobStore } from '../../src/curation/blob-store.ts'
import { type InspectedImage, inspectImage } from '../../src/curation/inspect-image.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { openReview } from '../../src/review/index.ts'
import { jpeg } from '../../test/curation/local-web-site.ts'
import { browserPath, openBrowser, openPage } from '../../test/page/browser.ts'

const count = 5000
const side = 768
/** Pixels a second: as one looks, and as one searches for a place. */
const speeds = [800, 4000]
/** Long enough for the faster one to come to the end. */
const seconds = 28
const distinct = 50

interface Measured {
  readonly frames: readonly number[]
  readonly longTasks: readonly number[]
  readonly blank: number
  readonly seen: number
  readonly mostTiles: number
}

if (browserPath === undefined) throw new Error('There is no Chromium. Set PHALANX_CHROMIUM to one.')
const folder = await mkdtemp(join(tmpdir(), 'phalanx-scrolling-'))
try {
  await writeSet(join(folder, 'set'))
  await using review = await openReview(join(folder, 'set'), { reviewer: 'Ann' })
  const browser = await openBrowser()
  const { page } = await openPage(browser, review.link, { scheme: 'light', width: 1280 })
  await page.keyboard.press('Enter')
  await page.locator('#one').waitFor()
  await page.keyboard.press('g')
  await page.locator('.tile').first().waitFor()
  console.log(`${count} pictures of ${side} x ${side}, ${cpus().length} cores, ${browser.version()}`)
  for (const round of ['thumbnails made on the way', 'thumbnails there'])
    for (const speed of speeds) {
      const measured = (await page.evaluate(scrollScript(speed))) as Measured
      console.log(`${round}, ${speed} pixels a second: ${describe(measured)}`)
    }
  await browser.close()
  await review.close()
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function writeSet(set: string): Promise<void> {
  await using ledger = await openLedger(set)
  const blobs = await openBlobStore(join(set, 'blobs'))
  const drawn: Buffer[] = []
  for (let seed = 0; seed < distinct; seed++) drawn.push(await jpeg(seed, side))
  const inspected = await Promise.all(drawn.map((bytes) => inspectImage(bytes, side)))
  const hits = Array.from({ length: count }, (_, i) => ({ rank: i + 1, url: `https://example.com/${i}` }))
  ledger.recordSearch({ source: 'list', query: 'hands' }, hits)
  for (let i = 0; i < count; i++) {
    // What follows the end of a JPEG makes another file of it, whose thumbnail must be made for itself.
    const blob = await blobs.keep(Buffer.concat([drawn[i % distinct] as Buffer, Buffer.from(String(i))]))
    ledger.recordOutcome(i + 1, { state: 'fetched', blob, ...(inspected[i % distinct] as InspectedImage) })
  }
}

/** Runs in the page, which knows more names than a program: scrolls from the top and looks at every frame. */
function scrollScript(speed: number): string {
  return `(async () => {
    const sheet = document.getElementById('sheet')
    const longTasks = []
    const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    observer.observe({ type: 'longtask' })
    sheet.scrollTop = 0
    await new Promise((resolve) => setTimeout(resolve, 2000))
    longTasks.length = 0
    const frames = []
    let [blank, seen, mostTiles, last] = [0, 0, 0, performance.now()]
    const start = last
    while (last - start < ${seconds} * 1000) {
      const now = await new Promise(requestAnimationFrame)
      frames.push(now - last)
      last = now
      sheet.scrollTop = (now - start) * ${speed} / 1000
      mostTiles = Math.max(mostTiles, tiles.size)
      for (const tile of tiles.values()) {
        if (tile.offset + side <= sheet.scrollTop || tile.offset >= sheet.scrollTop + 600) continue
        seen++
        if (!tile.firstChild.src || !tile.firstChild.complete) blank++
      }
    }
    observer.disconnect()
    return { frames, longTasks, blank, seen, mostTiles }
  })()`
}

function describe({ frames, longTasks, blank, seen, mostTiles }: Measured): string {
  const ordered = frames.toSorted((a, b) => a - b)
  const at = (share: number): string => (ordered[Math.floor(share * (ordered.length - 1))] as number).toFixed(0)
  return [
    `${(frames.length / seconds).toFixed(0)} frames a second`,
    `frame ${at(0.5)} ms in the middle, ${at(0.99)} ms at 99 %, ${at(1)} ms at most`,
    `${longTasks.length} tasks over 50 ms${longTasks.length > 0 ? ` (longest ${Math.max(...longTasks).toFixed(0)} ms)` : ''}`,
    `${((100 * blank) / seen).toFixed(2)} % of tiles in sight blank`,
    `at most ${mostTiles} tiles`,
  ].join(', ')
}
