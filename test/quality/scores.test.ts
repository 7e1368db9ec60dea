import sharp, { type Sharp } from 'sharp'
import { expect, test } from 'vitest'
import { entropy } from '../../src/quality/entropy.ts'
import { decodeWorkingImage, type QualityScores, scoreImage, type WorkingImage } from '../../src/quality/index.ts'
import { sharpness } from '../../src/quality/sharpness.ts'
import { workingImage, workingPixels, workingSize } from '../../src/quality/working-image.ts'
import { photograph, photographSize as size } from './photograph.ts'

async function scores(picture: Sharp | Buffer): Promise<QualityScores> {
  const bytes = Buffer.isBuffer(picture) ? picture : await picture.png().toBuffer()
  return scoreImage(await decode(bytes))
}

async function decode(bytes: Buffer): Promise<WorkingImage> {
  return decodeWorkingImage(bytes, await sharp(bytes).metadata(), 2 ** 26)
}

function drawing(content: string): Sharp {
  return sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480">${content}</svg>`))
}

test('sharpness and entropy of a grey picture are those of libvips', async () => {
  const grey = await sharp(await photograph())
    .greyscale()
    .raw()
    .toBuffer()
  const reference = await sharp(grey, { raw: { ...size, channels: 1 } }).stats()
  // sharp divides the Laplacian by 9, and takes it at the border too, where pixels are repeated: 0.7 % of all.
  expect(Math.abs(sharpness({ grey, ...size }) / 9 / reference.sharpness - 1)).toBeLessThan(0.01)
  expect(entropy({ grey })).toBeCloseTo(reference.entropy, 6)
})

test('a damage changes the scores that are there for it, and not far the others', async () => {
  const bytes = await photograph()
  const sound = await scores(bytes)
  const blurred = await scores(sharp(bytes).blur(4))
  expect(blurred.sharpness).toBeLessThan(sound.sharpness / 3)
  const text = `<text x="150" y="300" font-size="36" font-family="DejaVu Sans, sans-serif" fill="#fff">© Photostock 24</text>`
  const written = await scores(sharp(bytes).composite([{ input: await drawing(text).png().toBuffer() }]))
  expect(written.textOverlay).toBeGreaterThan(sound.textOverlay + 0.08)
  const rings = Array.from(
    { length: 80 },
    (_, i) => `<circle cx="${(i % 10) * 64 + 30}" cy="${Math.floor(i / 10) * 60 + 30}" r="18"/>`,
  )
  const tiled = await drawing(`<g fill="none" stroke="#fff" stroke-width="3" opacity="0.3">${rings.join('')}</g>`)
    .png()
    .toBuffer()
  const marked = await scores(sharp(bytes).composite([{ input: tiled }]))
  expect(marked.repeatedPattern).toBeGreaterThan(sound.repeatedPattern + 0.05)
  for (const one of [blurred, written, marked]) expect(one.borders).toBe(0)
})

test('clip-art has flat areas, few colours and little entropy', async () => {
  const sound = await scores(await photograph())
  const art = await scores(
    drawing('<rect width="640" height="480" fill="#fd6"/><circle cx="320" cy="240" r="150" fill="#c40"/>'),
  )
  expect(sound.flatArea).toBeLessThan(0.02)
  expect(art.flatArea).toBeGreaterThan(0.7)
  expect(art.distinctColours).toBeLessThan(40)
  expect(sound.distinctColours).toBeGreaterThan(200)
  expect(art.entropy).toBeLessThan(sound.entropy - 3)
})

test.each([
  ['a white frame', { top: 48, bottom: 48, left: 64, right: 64, background: '#fff' }, 1 - 1 / 1.2 ** 2],
  ['a letter box', { top: 60, bottom: 60, background: '#000' }, 0.2],
  ['one bar below', { bottom: 48, background: '#135' }, 1 - 1 / 1.1],
])('%s is measured, and what is inside of it scores as without', async (_, frame, area) => {
  const bytes = await photograph(2)
  const [sound, framed] = [await scores(bytes), await scores(sharp(bytes).extend(frame))]
  expect(sound.borders).toBe(0)
  // A row or a column where the frame ends is of both.
  expect(Math.abs(framed.borders - area)).toBeLessThan(0.02)
  // It is scaled a little smaller, which takes some of its noise.
  expect(Math.abs(framed.entropy - sound.entropy)).toBeLessThan(0.2)
  expect(Math.abs(framed.textOverlay - sound.textOverlay)).toBeLessThan(0.05)
})

test.each([
  ['one tone', '#fff', { sharpness: 0, entropy: 0, flatArea: 1, distinctColours: 1, borders: 0 }],
  ['black', '#000', { sharpness: 0, entropy: 0, flatArea: 1, textOverlay: 0, repeatedPattern: 0 }],
])('a picture of %s has scores too', async (_, background, expected) => {
  expect(await scores(sharp({ create: { ...size, channels: 3, background } }))).toMatchObject(expected)
})

test.each([
  [640, 480],
  [4000, 3000],
  [64, 64],
  [9000, 10],
  [1, 1],
])('a picture of %i by %i is measured at one size', async (width, height) => {
  const working = workingSize(width, height)
  expect(Math.min(working.width, working.height)).toBeGreaterThanOrEqual(32)
  expect((working.width * working.height) / workingPixels).toBeCloseTo(1, 1)
  const picture = sharp({ create: { width, height, channels: 4, background: { r: 9, g: 200, b: 90, alpha: 0.5 } } })
  expect(Object.values(await scores(picture)).every(Number.isFinite)).toBe(true)
})

test('the same photograph scores alike at other sizes', async () => {
  const bytes = await photograph(3)
  const [one, double] = [await scores(bytes), await scores(sharp(bytes).resize(1280, 960))]
  // At its own size it would be less than half as sharp, as each edge is twice as wide.
  expect(double.sharpness / one.sharpness).toBeGreaterThan(0.65)
  expect(double.sharpness / one.sharpness).toBeLessThan(1.5)
  expect(Math.abs(double.entropy - one.entropy)).toBeLessThan(0.1)
})

test('pixels that are not so many are refused', () => {
  expect(() => workingImage(new Uint8Array(10), { width: 2, height: 2 })).toThrow(RangeError)
})
