import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { openLab, type SampledImage } from 'phalanx'
import sharp from 'sharp'
import { wilsonInterval } from '../../src/metrics/index.ts'

/**
 * Measures a base of the breed of `tiny-hands` and writes, beside it, a sheet of samples (a row per prompt, a column
 * per seed) and `card.json` with the share of open palms on which the finger classifier counts five fingers.
 */
const { values } = parseArgs({
  options: {
    base: { type: 'string', default: 'tiny-hands' },
    output: { type: 'string', default: 'src/weights/tiny-hands' },
    work: { type: 'string', default: 'phalanx-lab/tiny-hands-measured' },
    palms: { type: 'string', default: '96' },
  },
})
const palm = 'a photo of an open palm with five fingers spread'
const prompts = [
  palm,
  'a photo of a fist',
  'a photo of a peace sign',
  'a photo of a hand giving a thumbs up',
  'a photo of a hand pointing up with one finger',
  'a drawing of an open hand with five fingers spread',
  'a photo of a handshake',
  'a photo of an apple, blue background',
  'a photo of a cat',
  'a photo of a car, white background',
  'a photo of a house',
  'a photo of a flower, purple background',
]
const seeds = [1, 2, 3, 4, 5, 6]
const sampling = { sampler: 'ddim', steps: 30, guidance: 4, batchSize: 12 } as const

const output = path.resolve(values.output)
const work = path.resolve(values.work)
await using lab = await openLab({ folder: work, onProgress: ({ text }) => console.log(text) })
const base = await lab.base(values.base)
await writeFile(path.join(output, 'samples.png'), await sheet(await lab.sample({ base, prompts, seeds, ...sampling })))

const palmSeeds = Array.from({ length: Number(values.palms) }, (_, i) => 1000 + i)
const palms = await lab.sample({ base, prompts: [palm], seeds: palmSeeds, ...sampling })
const folder = path.join(work, 'palms')
await mkdir(folder, { recursive: true })
const files = palms.map(({ seed }) => path.join(folder, `${seed}.png`))
await Promise.all(palms.map((image, i) => image.save(files[i]!)))
const judgements = await lab.classify({ images: files })
const five = judgements.filter(({ fingers }) => fingers === 5).length
const { low, high } = wilsonInterval(five, files.length)
const card = {
  base: base.description,
  sampling,
  openPalms: { prompt: palm, images: files.length, countedFive: five, share: five / files.length, low, high },
}
await writeFile(path.join(output, 'card.json'), `${JSON.stringify(card, null, 2)}\n`)
console.log(card.openPalms)

/** A row per prompt and a column per seed, each image drawn with whole pixels at twice its size. */
async function sheet(images: readonly SampledImage[]): Promise<Buffer> {
  const [{ width, height }] = images as [SampledImage]
  const tiles = images.map((image, i) => ({
    input: Buffer.from(image.pixels),
    raw: { width, height, channels: 3 as const },
    left: (i % seeds.length) * width,
    top: Math.floor(i / seeds.length) * height,
  }))
  const size = { width: seeds.length * width, height: prompts.length * height }
  const canvas = await sharp({ create: { ...size, channels: 3, background: 'white' } })
    .composite(tiles)
    .png()
    .toBuffer()
  return sharp(canvas)
    .resize(2 * size.width, 2 * size.height, { kernel: 'nearest' })
    .png()
    .toBuffer()
}
