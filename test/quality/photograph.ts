import sharp from 'sharp'
import { RandomStream } from '../../src/util/random.ts'

export const photographSize = { width: 640, height: 480 }

/** A PNG of soft shapes under the noise of a camera; another seed is another picture. */
export async function photograph(seed = 1): Promise<Buffer> {
  const random = new RandomStream('photograph', seed)
  const shapes = Array.from({ length: 30 }, () => {
    const [x, y, r, tone] = [640, 480, 120, 255].map((top) => Math.floor(random.uniform(0, top)))
    return `<ellipse cx="${x}" cy="${y}" rx="${r}" ry="${(r ?? 0) / 2}" fill="hsl(${tone},40%,${30 + (tone ?? 0) / 6}%)"/>`
  })
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><rect width="640" height="480" fill="#867"/>${shapes.join('')}</svg>`
  const pixels = await sharp(Buffer.from(drawing)).blur(1.5).removeAlpha().raw().toBuffer()
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = Math.max(0, Math.min(255, (pixels[i] as number) + random.normal() * 5))
  return sharp(pixels, { raw: { ...photographSize, channels: 3 } })
    .png()
    .toBuffer()
}
