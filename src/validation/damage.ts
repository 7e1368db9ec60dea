import sharp from 'sharp'

/** What is done to sound images, however they came to be. */
export const damages = ['blur', 'crop', 'compression'] as const
export type Damage = (typeof damages)[number]

/** How much is done, from little to much. */
export const severities = [1, 2, 3] as const
export type Severity = (typeof severities)[number]

/** Standard deviation in shares of the shorter side. */
const blurs = { 1: 0.01, 2: 0.02, 3: 0.04 } as const
/** Share of each side that is kept, at a corner and scaled up again, so that fingers are cut off. */
const crops = { 1: 0.8, 2: 0.65, 3: 0.5 } as const
/** Quality of the JPEG. */
const qualities = { 1: 30, 2: 12, 3: 4 } as const

/** Writes a damaged copy of an image as PNG, of the same size. */
export async function damage(from: string, to: string, kind: Damage, severity: Severity): Promise<void> {
  const { data, info } = await sharp(from).rotate().removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const image = sharp(data, { raw: info })
  switch (kind) {
    case 'blur':
      await image
        .blur(Math.max(0.3, blurs[severity] * Math.min(width, height)))
        .png()
        .toFile(to)
      return
    case 'crop': {
      const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * crops[severity]))) as [number, number]
      const part = { left: 0, top: height - h, width: w, height: h }
      await image.extract(part).resize(width, height, { fit: 'fill', kernel: 'cubic' }).png().toFile(to)
      return
    }
    case 'compression': {
      const jpeg = await image.jpeg({ quality: qualities[severity] }).toBuffer()
      await sharp(jpeg).png().toFile(to)
    }
  }
}
