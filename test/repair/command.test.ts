import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { renderHand } from '../../src/render/hand-render.ts'
import { sampleScene } from '../../src/render/scene.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { program } from '../cli/program.ts'
import { browserPath, looks, openBrowser, openPage } from '../page/browser.ts'

let folder: string
let pictures: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-repair-test-'))
  pictures = join(folder, 'pictures')
  await mkdir(pictures)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function phalanxRepair(...words: string[]) {
  const lab = ['--lab', join(folder, 'lab')]
  return execa(process.execPath, [...program, 'repair', ...words, ...lab], { reject: false, cwd: packageRoot() })
}

test('a folder becomes a folder of pictures, a record and a page; what was not touched is the same file', async () => {
  const { rgb } = renderHand(sampleScene(3, { gesture: 'open-palm', style: 'photo' }), { width: 96, height: 96 })
  const hand = sharp(rgb, { raw: { width: 96, height: 96, channels: 3 } })
  await hand.clone().ensureAlpha(0.5).png().toFile(join(pictures, 'hand <b>.png'))
  await sharp({ create: { width: 80, height: 60, channels: 3, background: '#889' } })
    .jpeg()
    .toFile(join(pictures, 'wall.jpg'))
  await writeFile(join(pictures, 'broken.png'), 'no picture')
  const settings = ['sampling.steps=2', 'strengths=[0.8]', 'margin=-1'].flatMap((setting) => ['--set', setting])
  const ended = await phalanxRepair(
    pictures,
    '--control',
    'none',
    '--threshold',
    '0',
    '--attempts',
    '1',
    '--json',
    ...settings,
  )
  // One picture could not be gone through.
  expect(ended.exitCode).toBe(1)
  const result = JSON.parse(ended.stdout)
  expect(result.counts).toMatchObject({ pictures: 3, details: 1, repaired: 1, troubled: 1 })
  const out = `${pictures}-repaired`
  expect((await readdir(out)).toSorted()).toEqual([
    'broken.png',
    'hand <b>.png',
    'index.html',
    'parts',
    'repair.json',
    'wall.jpg',
  ])
  for (const same of ['broken.png', 'wall.jpg'])
    expect(await readFile(join(out, same))).toEqual(await readFile(join(pictures, same)))
  const record = JSON.parse(await readFile(join(out, 'repair.json'), 'utf8'))
  expect(
    record.pictures.map(({ name, trouble }: { name: string; trouble: object }) => [name, trouble && 'trouble']),
  ).toEqual([
    ['broken.png', 'trouble'],
    ['hand <b>.png', null],
    ['wall.jpg', null],
  ])
  const [before, after] = await Promise.all([pictures, out].map((place) => pixelsOf(join(place, 'hand <b>.png'))))
  let changed = 0
  for (let at = 0; at < 96 * 96; at++) {
    if ([0, 1, 2, 3].every((k) => before?.[4 * at + k] === after?.[4 * at + k])) continue
    changed += 1
    // What was repainted no longer lets anything through.
    expect(after?.[4 * at + 3]).toBe(255)
  }
  expect(changed).toBe(record.pictures[1].changedPixels)
  expect(changed).toBeGreaterThan(1000)
  expect(changed).toBeLessThan(96 * 96)

  const again = await phalanxRepair(pictures, '--json')
  expect([again.exitCode, JSON.parse(again.stdout).error.code]).toEqual([2, 'folder-taken'])
}, 240_000)

test.runIf(browserPath)('the page says what became of each picture, without complaints', async () => {
  const browser = await openBrowser()
  try {
    for (const [scheme, width] of looks) {
      const { page, complaints } = await openPage(browser, `file://${pictures}-repaired/index.html`, { scheme, width })
      expect(await page.locator('h1').textContent()).toBe('1 of 1 hands repaired in 3 pictures')
      expect(await page.locator('.steps figure').count()).toBe(3)
      expect(await page.locator('.sheet').textContent()).toContain('read failed')
      const widths = `Promise.all([...document.querySelectorAll('.steps img')].map((image) => image.decode().then(() => image.naturalWidth)))`
      expect(await page.evaluate(widths)).not.toContain(0)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      expect(complaints).toEqual([])
      await page.close()
    }
  } finally {
    await browser.close()
  }
})

test.each([
  [['nowhere'], 'no-pictures'],
  [['.ci'], 'no-pictures'],
])('%j is refused', async (words, code) => {
  const ended = await phalanxRepair(...words, '--json')
  expect([ended.exitCode, JSON.parse(ended.stdout).error.code]).toEqual([2, code])
})

test('what --set says of a setting that has an option of its own is heeded, too', async () => {
  const words = [pictures, '--output', join(folder, 'other'), '--set', 'threshold=2', '--json']
  const ended = await phalanxRepair(...words)
  expect([ended.exitCode, JSON.parse(ended.stdout).error.code]).toEqual([2, 'invalid-settings'])
}, 120_000)

test('Ctrl-C keeps the pictures that were gone through, with their page', async () => {
  const from = join(folder, 'interrupted')
  const out = `${from}-repaired`
  await mkdir(from)
  await cp(join(pictures, 'wall.jpg'), join(from, 'a.jpg'))
  await cp(join(pictures, 'hand <b>.png'), join(from, 'b.png'))
  const running = phalanxRepair(from, '--threshold', '0', '--attempts', '64')
  while ((await stat(join(out, 'a.jpg')).catch(() => null)) === null) await sleep(50)
  running.kill('SIGINT')
  const ended = await running
  expect([ended.exitCode, ended.stdout]).toEqual([130, ''])
  expect(ended.stderr).toContain('The first 1 of 2 pictures are in')
  expect((await readdir(out)).toSorted()).toEqual(['a.jpg', 'index.html', 'parts', 'repair.json'])
}, 240_000)

async function pixelsOf(file: string): Promise<Buffer> {
  return sharp(file).ensureAlpha().raw().toBuffer()
}
