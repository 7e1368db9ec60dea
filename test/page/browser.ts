import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Chromium or Chrome of this machine, or undefined. */
export const browserPath = [
  process.env.PHALANX_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path))

if (!browserPath) console.warn('skipped: pages in a browser (set PHALANX_CHROMIUM to a Chromium or Chrome)')

/** Looks that every page is opened in. */
export const looks = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 360],
  ['dark', 360],
] as const

/** Starts the browser without a window. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: browserPath as string, args: ['--no-sandbox', '--disable-gpu'] })
}

/** Light or dark, and the width of the window. */
export interface Look {
  readonly scheme: 'light' | 'dark'
  readonly width: number
}

/** Opens an address and gathers everything the page complains about. */
export async function openPage(
  browser: Browser,
  url: string,
  { scheme, width }: Look,
): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: scheme })
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('requestfailed', (request) => complaints.push(request.url()))
  await page.goto(url)
  return { page, complaints }
}
