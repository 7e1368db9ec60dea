import sharp from 'sharp'
import type { SuspicionKind } from '../../src/quality/index.ts'
import { RandomStream } from '../../src/util/random.ts'

/** A way to make a picture that a person would take out of a set from a sound photograph. */
export interface Damage {
  readonly name: string
  readonly kind: SuspicionKind
  /** PNG or JPEG of the photograph's size, from its PNG. `seed` decides what is left open. */
  readonly make: (photograph: Buffer, seed: number) => Promise<Buffer>
}

const words = ['© Photostock', 'SAMPLE', 'www.images.example', 'preview only', 'Studio Hand 2024'] as const
const opacities = [0.15, 0.3, 0.5, 0.8] as const

/** Known damage of each kind but clip-art, which is no damaged photograph. */
export const damages: readonly Damage[] = [
  ...[1, 2, 4].map((sigma) => ({
    name: `blurred, sigma ${sigma}`,
    kind: 'littleDetail' as const,
    make: (photograph: Buffer) => sharp(photograph).blur(sigma).png({ compressionLevel: 1 }).toBuffer(),
  })),
  ...[2, 3, 4].map((factor) => ({
    name: `enlarged ${factor} times`,
    kind: 'littleDetail' as const,
    make: (photograph: Buffer) => enlarged(photograph, factor),
  })),
  ...opacities.map((opacity) => ({
    name: `a line of text, opacity ${opacity}`,
    kind: 'watermark' as const,
    make: (photograph: Buffer, seed: number) => written(photograph, opacity, seed, line),
  })),
  ...opacities.map((opacity) => ({
    name: `tiled text, opacity ${opacity}`,
    kind: 'watermark' as const,
    make: (photograph: Buffer, seed: number) => written(photograph, opacity, seed, tiles),
  })),
  ...opacities.map((opacity) => ({
    name: `tiled logo, opacity ${opacity}`,
    kind: 'watermark' as const,
    make: (photograph: Buffer, seed: number) => written(photograph, opacity, seed, logos),
  })),
]

/** A photograph in a frame, of which a tenth of each side is white, or as a letter box. */
export async function framed(photograph: Buffer, seed: number): Promise<Buffer> {
  const { width, height } = await sharp(photograph).metadata()
  const bars = { top: Math.round(height / 10), bottom: Math.round(height / 10) }
  const sides = { left: Math.round(width / 10), right: Math.round(width / 10) }
  const frame = seed % 2 === 0 ? { ...bars, ...sides, background: '#fff' } : { ...bars, background: '#000' }
  return sharp(photograph).extend(frame).png({ compressionLevel: 1 }).toBuffer()
}

async function enlarged(photograph: Buffer, factor: number): Promise<Buffer> {
  const { width, height } = await sharp(photograph).metadata()
  const small = await sharp(photograph)
    .resize(Math.round(width / factor))
    .png({ compressionLevel: 1 })
    .toBuffer()
  return sharp(small).resize(width, height, { fit: 'fill' }).png({ compressionLevel: 1 }).toBuffer()
}

type Marks = (width: number, height: number, size: number, random: RandomStream) => string

async function written(photograph: Buffer, opacity: number, seed: number, marks: Marks): Promise<Buffer> {
  const { width, height } = await sharp(photograph).metadata()
  const random = new RandomStream('watermark', seed)
  const size = Math.round(width * random.uniform(0.03, 0.07))
  const colour = random.pick(['#fff', '#fff', '#000', '#ccc'])
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <g font-family="DejaVu Sans, Arial, sans-serif" font-size="${size}" fill="${colour}" stroke="none" opacity="${opacity}">
    ${marks(width, height, size, random)}</g></svg>`
  return sharp(photograph)
    .composite([{ input: Buffer.from(drawing) }])
    .png({ compressionLevel: 1 })
    .toBuffer()
}

function line(width: number, height: number, _size: number, random: RandomStream): string {
  const [x, y] = [random.uniform(0.02, 0.4) * width, random.uniform(0.1, 0.97) * height]
  return `<text x="${x}" y="${y}">${random.pick(words)}</text>`
}

function tiles(width: number, height: number, size: number, random: RandomStream): string {
  const word = random.pick(words)
  const mark = (x: number, y: number): string => `<text x="${x}" y="${y}">${word}</text>`
  return repeated(mark, { width, height }, size * word.length * 0.75, size * random.uniform(3, 5), random)
}

function logos(width: number, height: number, size: number, random: RandomStream): string {
  const ring = size * 0.9
  const mark = (x: number, y: number): string =>
    `<circle cx="${x}" cy="${y}" r="${ring}" fill="none" stroke="#fff" stroke-width="${size / 6}"/>
     <path d="M${x - ring} ${y} h${2 * ring} M${x} ${y - ring} v${2 * ring}" stroke="#fff" stroke-width="${size / 8}"/>`
  const step = size * random.uniform(3.5, 5)
  return repeated(mark, { width, height }, step, step, random)
}

function repeated(
  mark: (x: number, y: number) => string,
  { width, height }: { width: number; height: number },
  across: number,
  down: number,
  random: RandomStream,
): string {
  let marks = ''
  for (let y = -height; y < 2 * height; y += down) for (let x = -width; x < 2 * width; x += across) marks += mark(x, y)
  return `<g transform="rotate(${random.pick([-45, -30, 0, 20])} ${width / 2} ${height / 2})">${marks}</g>`
}
