import sharp from 'sharp'
import type { RgbImage } from '../artefact/png.ts'
import type { Box } from '../hands/index.ts'
import { maskDistances } from '../hands/soft-mask.ts'
import type { Frame } from './detail.ts'

/** Share of the box's sides by which what is repainted reaches beyond it, as HandRefiner's masks do. */
const boxMargin = 0.15
const opaque = 255

/**
 * What is repainted of a frame of `side` by `side` pixels, one byte each: everything of the old detail's box and of the
 * template's shape, with a rim outside of them that fades to 0.
 *
 * @param rim pixels of the fading rim
 */
export function repaintMask(
  frame: Frame,
  box: Box,
  { shape, side, rim }: { readonly shape: Uint8Array; readonly side: number; readonly rim: number },
): Uint8Array {
  const solid = shape.slice()
  const scale = side / frame.side
  const [marginX, marginY] = [box.width * boxMargin, box.height * boxMargin]
  const left = Math.round((box.left - marginX - frame.left) * scale)
  const right = Math.round((box.left + box.width + marginX - frame.left) * scale)
  const top = Math.round((box.top - marginY - frame.top) * scale)
  const bottom = Math.round((box.top + box.height + marginY - frame.top) * scale)
  for (let y = Math.max(0, top); y < Math.min(side, bottom); y++)
    solid.fill(opaque, y * side + Math.max(0, left), y * side + Math.min(side, Math.max(0, right)))
  if (rim < 1) return solid
  return Uint8Array.from(maskDistances(solid, side, side), (distance) =>
    Math.round(opaque * Math.max(0, 1 - distance / (rim + 1))),
  )
}

/** One channel of `side` by `side` pixels in another size. */
export async function resizeMask(mask: Uint8Array, side: number, to: number): Promise<Uint8Array> {
  if (side === to) return mask
  const scaled = sharp(mask, { raw: { width: side, height: side, channels: 1 } }).resize(to, to, { kernel: 'linear' })
  return new Uint8Array(await scaled.toColourspace('b-w').raw().toBuffer())
}

/** `over` laid on `under` as far as the mask says; where it is 0 the pixels are those of `under`, bit by bit. */
export function blend(under: RgbImage, over: RgbImage, mask: Uint8Array): RgbImage {
  const pixels = under.pixels.slice()
  for (const [at, weight] of mask.entries()) {
    if (weight === 0) continue
    for (let k = 3 * at; k < 3 * at + 3; k++) {
      const [below, above] = [under.pixels[k] as number, over.pixels[k] as number]
      pixels[k] = Math.round(below + ((above - below) * weight) / opaque)
    }
  }
  return { pixels, width: under.width, height: under.height }
}
