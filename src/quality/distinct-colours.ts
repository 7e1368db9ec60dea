import type { WorkingImage } from './working-image.ts'

/** A colour that fewer than one pixel in so many has is an accident of the compression. */
const rarest = 20_000

/**
 * Number of colours, of 32,768 with 5 bits a channel, that at least one pixel in 20,000 has. Drawings have few (Athitsos,
 * Swain and Frankel 1997, "Distinguishing photographs and graphics on the World Wide Web").
 */
export function distinctColours({ rgb }: Pick<WorkingImage, 'rgb'>): number {
  const counts = new Uint32Array(2 ** 15)
  for (let at = 0; at < rgb.length; at += 3) {
    const green = rgb[at + 1] as number
    const colour = (((rgb[at] as number) >> 3) << 10) | ((green >> 3) << 5) | ((rgb[at + 2] as number) >> 3)
    counts[colour] = (counts[colour] as number) + 1
  }
  const least = rgb.length / 3 / rarest
  return counts.reduce((known, count) => (count > least ? known + 1 : known), 0)
}
