import sharp, { type Sharp } from 'sharp'
import { expect, test } from 'vitest'
import { type InspectedImage, inspectImage } from '../../src/curation/inspect-image.ts'
import { sniff } from '../../src/curation/sniff.ts'
import { photograph } from '../quality/photograph.ts'

const drawing = Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"><rect width="96" height="64" fill="#9ab"/>
    <circle cx="30" cy="20" r="16" fill="#a52"/><path d="M50 60 L90 10 L80 62 z" fill="#143"/></svg>`,
)
const base = () => sharp(drawing)

test('all eight orientations, CMYK, 16 bits, alpha, grey and other formats are the same upright picture', async () => {
  const plain = await inspectImage(await base().png().toBuffer(), 8)
  expect(plain).toMatchObject({ image: { format: 'png', width: 96, height: 64 } })
  const hash = hashOf(plain)
  // How the picture must lie in the file for a reader that obeys the tag to see it upright (EXIF 2.32, 4.6.4).
  const laid: Record<number, (image: Sharp) => Promise<Sharp>> = {
    1: async (image) => image,
    2: async (image) => image.flop(),
    3: async (image) => image.rotate(180),
    4: async (image) => image.flip(),
    5: async (image) => (await turned(image, 90)).flop(),
    6: async (image) => image.rotate(270),
    7: async (image) => (await turned(image, 270)).flop(),
    8: async (image) => image.rotate(90),
  }
  const files = await Promise.all([
    ...Object.entries(laid).map(async ([tag, lay]) => {
      const pixels = await (await lay(sharp(await base().png().toBuffer()))).png().toBuffer()
      return sharp(pixels)
        .withMetadata({ orientation: Number(tag) })
        .jpeg({ quality: 95 })
        .toBuffer()
    }),
    base().flatten().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
    base().toColourspace('rgb16').png().toBuffer(),
    base().ensureAlpha(0.9).webp({ quality: 95 }).toBuffer(),
    base().greyscale().png().toBuffer(),
  ])
  for (const [i, file] of files.entries()) {
    const facts = await inspectImage(file, 8)
    expect(facts, String(i)).toMatchObject({ image: { width: 96, height: 64 } })
    expect(apart(hashOf(facts), hash), String(i)).toBeLessThanOrEqual(6)
  }
})

test.each([
  ['a white frame', { top: 48, bottom: 48, left: 64, right: 64, background: '#fff' }],
  ['the bars of a letter box', { top: 80, bottom: 80, background: '#000' }],
])('a copy in %s has the hash of the picture', async (_, frame) => {
  const bytes = await photograph()
  const [plain, framed] = [
    await inspectImage(bytes, 8),
    await inspectImage(await sharp(bytes).extend(frame).png().toBuffer(), 8),
  ]
  expect(apart(hashOf(plain), hashOf(framed))).toBeLessThanOrEqual(6)
})

test('a subject on plain ground is no picture in a frame', async () => {
  const spot = (x: number): Promise<Buffer> =>
    sharp(
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><rect width="200" height="200" fill="#fff"/><circle cx="${x}" cy="60" r="15"/></svg>`,
      ),
    )
      .png()
      .toBuffer()
  const [left, right] = [await inspectImage(await spot(40), 8), await inspectImage(await spot(120), 8)]
  expect(apart(hashOf(left), hashOf(right))).toBeGreaterThan(10)
})

test.each<[string, string, () => Promise<Buffer> | Buffer]>([
  ['empty-file', 'no byte', () => Buffer.alloc(0)],
  ['not-an-image', 'text', () => Buffer.from('hello')],
  ['file-type-html', 'a page named image', () => Buffer.from('\n<!DOCTYPE html><html></html>')],
  ['file-type-svg', 'SVG', () => drawing],
  ['file-type-gif', 'GIF', () => base().gif().toBuffer()],
  ['file-type-tiff', 'TIFF', () => base().tiff().toBuffer()],
  ['file-type-avif-or-heic', 'AVIF', () => base().avif({ effort: 0 }).toBuffer()],
  ['too-small', 'a side too short', () => base().resize(96, 63).png().toBuffer()],
  ['broken-image', 'a JPEG that was cut off', async () => (await base().jpeg().toBuffer()).subarray(0, 900)],
  ['broken-image', 'only the name of a format', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
  ['animated', 'moving WebP', () => moving()],
  ['too-many-pixels', 'a bomb of 16,000 by 16,000', () => bomb()],
])('%s: %s', async (reason, _, make) => {
  expect(await inspectImage(await make(), 64)).toBe(reason)
})

test('what is sniffed is what the bytes say', () => {
  expect(sniff(Buffer.from('<?xml version="1.0"?>\n<svg'))).toBe('svg')
  expect(sniff(Buffer.from('RIFF0000WAVE'))).toBe(null)
})

function hashOf(facts: InspectedImage | string): bigint {
  return typeof facts === 'string' ? expect.fail(facts) : BigInt(`0x${facts.image.hash}`)
}

function apart(one: bigint, other: bigint): number {
  return (one ^ other).toString(2).replaceAll('0', '').length
}

/** In a pass of its own, as the order of operations in one is the library's. */
async function turned(image: Sharp, degrees: number): Promise<Sharp> {
  return sharp(await image.rotate(degrees).png().toBuffer())
}

async function moving(): Promise<Buffer> {
  const frames = Buffer.concat(
    await Promise.all([base(), base().negate()].map((one) => one.resize(64, 64).flatten().raw().toBuffer())),
  )
  return sharp(frames, { raw: { width: 64, height: 128, channels: 3, pageHeight: 64 } })
    .webp()
    .toBuffer()
}

/** Its header is real and its pixels are never asked for. */
async function bomb(): Promise<Buffer> {
  const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
    .png()
    .toBuffer()
  png.writeUInt32BE(16_000, 16)
  png.writeUInt32BE(16_000, 20)
  return png
}
