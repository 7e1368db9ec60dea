import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { renderHand } from '../../src/render/hand-render.ts'
import { sampleScene } from '../../src/render/scene.ts'
import { RandomStream } from '../../src/util/random.ts'
import { emojiFolder } from '../tiny-hands/compose-object.ts'

const size = { width: 640, height: 512 }

/** A 3D emoji of `@lobehub/fluent-emoji-3d` on a ground of one colour or of a gradient, as PNG. */
export async function emojiPicture(seed: number): Promise<Buffer> {
  const random = new RandomStream('clip-art', seed)
  const folder = emojiFolder()
  const name = random.pick((await readdir(folder)).filter((file) => file.endsWith('.webp')).toSorted())
  const [first, second] = [random.pick(grounds), random.chance(0.5) ? '#ffffff' : random.pick(grounds)]
  const isPlain = random.chance(0.6)
  const ground = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}"><defs>
    <linearGradient id="g" x2="0.4" y2="1"><stop stop-color="${first}"/><stop offset="1" stop-color="${second}"/></linearGradient>
    </defs><rect width="100%" height="100%" fill="${isPlain ? second : 'url(#g)'}"/></svg>`
  const side = Math.round(size.height * random.uniform(0.55, 0.95))
  const emoji = await sharp(join(folder, name))
    .resize(side, side, { fit: 'inside' })
    .png({ compressionLevel: 1 })
    .toBuffer()
  return sharp(Buffer.from(ground))
    .composite([{ input: emoji }])
    .png({ compressionLevel: 1 })
    .toBuffer()
}

const grounds = ['#ffffff', '#ffdd66', '#99ccff', '#e8e8e8', '#224466', '#cc5544'] as const

/** A hand in the drawn style of this package's renderer, as PNG. */
export async function drawnHand(seed: number): Promise<Buffer> {
  const scene = sampleScene(seed, { style: 'drawing' })
  const { rgb, width, height } = renderHand(scene, size)
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer()
}
