import { createRequire } from 'node:module'
import path from 'node:path'
import sharp from 'sharp'
import { paintBackground } from '../../src/render/background.ts'
import { type BackgroundColour, backgroundColourNames } from '../../src/render/palette.ts'
import { RandomStream } from '../../src/util/random.ts'
import { objects } from './objects.ts'

/** A picture of the training set with what its caption says. */
export interface TrainingPicture {
  /** PNG bytes, square. */
  readonly png: Buffer
  readonly caption: string
}

/** Words whose emoji would vanish on a background of the same colour. */
const ownColours: Readonly<Record<string, readonly BackgroundColour[]>> = {
  apple: ['red', 'green'],
  banana: ['yellow'],
  strawberry: ['red'],
  orange: ['orange'],
  lemon: ['yellow'],
  cherry: ['red'],
  cactus: ['green'],
  tree: ['green'],
  ball: ['orange', 'white'],
  balloon: ['red'],
  umbrella: ['purple'],
  key: ['yellow'],
  bell: ['yellow'],
  star: ['yellow'],
  heart: ['red'],
  pig: ['pink'],
  frog: ['green'],
  snowman: ['white'],
  hat: ['black'],
}

/** One 3D emoji, turned, scaled, perhaps mirrored, on one of the backgrounds that the hands have. */
export async function composeObject(seed: number, size: number): Promise<TrainingPicture> {
  const random = new RandomStream('object', seed)
  const word = random.pick(Object.keys(objects))
  const file = path.join(emojiFolder(), `${random.pick(objects[word]!)}.webp`)
  const colour = random.pick(backgroundColourNames.filter((name) => !ownColours[word]?.includes(name)))
  const kind = random.pick(['plain', 'plain', 'gradient', 'blurred'] as const)
  const side = Math.round(size * random.uniform(0.62, 0.88))
  const turned = await sharp(file)
    .flop(random.chance(0.5))
    .rotate(random.uniform(-22, 22), { background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .resize(side, side, { fit: 'inside' })
    .png()
    .toBuffer({ resolveWithObject: true })
  const left = Math.round((size - turned.info.width) * random.uniform(0.2, 0.8))
  const top = Math.round((size - turned.info.height) * random.uniform(0.2, 0.8))
  const background = paintBackground({ kind, colour, seed: random.uint32() }, size, size)
  const png = await sharp(Buffer.from(background.map((value) => Math.max(0, Math.min(255, value * 255)))), {
    raw: { width: size, height: size, channels: 3 },
  })
    .composite([{ input: turned.data, left, top }])
    .png()
    .toBuffer()
  return { png, caption: objectCaption(word, colour, random) }
}

function objectCaption(word: string, colour: BackgroundColour, random: RandomStream): string {
  const article = /^[aeiou]/.test(word) ? 'an' : 'a'
  const opening = random.chance(0.85) ? `a photo of ${article} ${word}` : `${article} ${word}`
  return random.chance(0.65) ? `${opening}, ${colour} background` : opening
}

/** Where `@lobehub/fluent-emoji-3d` has its pictures. */
export function emojiFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('@lobehub/fluent-emoji-3d/package.json')
  return path.join(path.dirname(manifest), 'assets')
}
