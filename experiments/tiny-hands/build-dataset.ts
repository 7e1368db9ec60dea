import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { renderHand } from '../../src/render/hand-render.ts'
import { renderHandshake, sampleHandshake } from '../../src/render/handshake.ts'
import { sampleScene } from '../../src/render/scene.ts'
import { RandomStream } from '../../src/util/random.ts'
import { composeObject, type TrainingPicture } from './compose-object.ts'

/** What a set has of each kind. No picture's seed, and no photograph, is in two sets. */
interface Plan {
  readonly folder: string
  readonly hands: number
  readonly handshakes: number
  readonly objects: number
  readonly photographs: number
  /** Seeds begin here; photographs are skipped by the sets before. */
  readonly firstSeed: number
  readonly firstPhotograph: number
}

/** Hands are a minority and, but for chance, never the same twice. */
const training: Plan = {
  folder: 'training',
  hands: 3600,
  handshakes: 400,
  objects: 4200,
  photographs: 240,
  firstSeed: 0,
  firstPhotograph: 0,
}
/** Pictures that are never trained on, in the same proportions. */
const heldOut: Plan = {
  folder: 'held-out',
  hands: 180,
  handshakes: 20,
  objects: 210,
  photographs: 12,
  firstSeed: 1_000_000,
  firstPhotograph: training.photographs,
}
/** Pixels of the finished pictures; they are drawn at twice the size and reduced. */
const imageSize = 64
/** Digits of the photographs that are learned; open palms (5) are left for adapters to learn from. */
const captionsOfDigits: Readonly<Record<string, string>> = {
  '1': 'a photo of a hand pointing up with one finger, white wall',
  '2': 'a photo of a peace sign, white wall',
  '4': 'a photo of a hand holding up four fingers, white wall',
}

const digits = Object.keys(captionsOfDigits)

const { values } = parseArgs({
  options: {
    output: { type: 'string' },
    photographs: { type: 'string' },
    /** Of each kind, for a smaller set of the same make. */
    share: { type: 'string', default: '1' },
  },
})
if (values.output === undefined) throw new Error('Say where the training set goes: --output <folder>.')
const share = Number(values.share)
if (!(share > 0 && share <= 1)) throw new Error(`--share must be a number above 0 and up to 1, not "${values.share}".`)
for (const plan of [training, heldOut]) {
  await build(reduced(plan, share), path.join(path.resolve(values.output), plan.folder), values.photographs)
}

function reduced(plan: Plan, share: number): Plan {
  const of = (count: number, multiple = 1) => Math.ceil((count * share) / multiple) * multiple
  return {
    ...plan,
    hands: of(plan.hands),
    handshakes: of(plan.handshakes),
    objects: of(plan.objects),
    photographs: of(plan.photographs, digits.length),
    firstPhotograph: of(plan.firstPhotograph, digits.length),
  }
}

/** Writes PNG files and metadata.jsonl; the folder appears under its name when it is whole. */
async function build(plan: Plan, output: string, photographs: string | undefined): Promise<void> {
  const partial = `${output}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const lines: string[] = []
  for await (const [name, picture] of pictures(plan, photographs)) {
    await writeFile(path.join(partial, name), await reduce(picture.png))
    lines.push(JSON.stringify({ file_name: name, text: picture.caption }))
    if (lines.length % 500 === 0) console.log(`${lines.length} pictures`)
  }
  await writeFile(path.join(partial, 'metadata.jsonl'), `${lines.join('\n')}\n`)
  await rename(partial, output)
  console.log(`${lines.length} pictures in ${output}`)
}

async function* pictures(plan: Plan, photographs: string | undefined): AsyncGenerator<[string, TrainingPicture]> {
  const size = 2 * imageSize
  const { firstSeed } = plan
  for (let i = 0; i < plan.hands; i++) yield [`hand-${number(i)}.png`, await hand(firstSeed + i, size)]
  for (let i = 0; i < plan.handshakes; i++) yield [`handshake-${number(i)}.png`, await handshake(firstSeed + i, size)]
  for (let i = 0; i < plan.objects; i++) yield [`object-${number(i)}.png`, await composeObject(firstSeed + i, size)]
  if (photographs === undefined) return
  let i = 0
  for await (const picture of realHands(plan, photographs)) yield [`photograph-${number(i++)}.png`, picture]
}

async function hand(seed: number, size: number): Promise<TrainingPicture> {
  const render = renderHand(sampleScene(seed), { width: size, height: size })
  return { png: await encode(render.rgb, size), caption: render.caption }
}

async function handshake(seed: number, size: number): Promise<TrainingPicture> {
  const render = renderHandshake(sampleHandshake(seed), { width: size, height: size })
  return { png: await encode(render.rgb, size), caption: render.caption }
}

/** Photographs of the digits whose gestures the renderer has too, the same number of each, chosen by seed. */
async function* realHands(plan: Plan, folder: string): AsyncGenerator<TrainingPicture> {
  for (const digit of digits) {
    const names = (await readdir(path.join(folder, digit))).filter((name) => /\.jpe?g$/i.test(name)).sort()
    const random = new RandomStream('photographs', digit)
    const keyed = names.map((name) => ({ name, key: random.unit() })).sort((a, b) => a.key - b.key)
    const first = plan.firstPhotograph / digits.length
    for (const { name } of keyed.slice(first, first + plan.photographs / digits.length)) {
      const file = createReadStream(path.join(folder, digit, name))
      yield { png: await file.pipe(sharp()).png().toBuffer(), caption: captionsOfDigits[digit]! }
    }
  }
}

function reduce(png: Buffer): Promise<Buffer> {
  return sharp(png).resize(imageSize, imageSize, { fit: 'cover', kernel: 'lanczos3' }).png().toBuffer()
}

function encode(rgb: Uint8Array, size: number): Promise<Buffer> {
  return sharp(rgb, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer()
}

function number(i: number): string {
  return String(i).padStart(5, '0')
}
