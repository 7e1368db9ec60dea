import type { Box } from './hand.ts'

/** A square of a picture, turned about its centre; pixels and radians. At 0 its sides are those of the picture. */
export interface Crop {
  readonly centreX: number
  readonly centreY: number
  readonly side: number
  readonly angle: number
}

/** The upright square about a box, `scale` times its longer side. */
export function cropAround(box: Box, scale: number): Crop {
  return {
    centreX: box.left + box.width / 2,
    centreY: box.top + box.height / 2,
    side: Math.max(box.width, box.height) * scale,
    angle: 0,
  }
}

/** The point of the picture at a place in the crop, from 0, 0 in one corner to 1, 1 in the opposite one. */
export function fromCrop({ centreX, centreY, side, angle }: Crop, u: number, v: number): [number, number] {
  const [x, y] = [(u - 0.5) * side, (v - 0.5) * side]
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
  return [centreX + cosine * x - sine * y, centreY + sine * x + cosine * y]
}
