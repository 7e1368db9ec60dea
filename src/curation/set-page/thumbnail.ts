import sharp from 'sharp'

const side = 120

/** A small picture of an image file as a data address; null when it cannot be read. */
export async function thumbnailOf(path: string): Promise<string | null> {
  const picture = sharp(path).autoOrient().flatten({ background: 'white' }).resize(side, side, { fit: 'inside' })
  const bytes = await picture
    .jpeg({ quality: 70 })
    .toBuffer()
    .catch(() => null)
  return bytes === null ? null : `data:image/jpeg;base64,${bytes.toString('base64')}`
}
