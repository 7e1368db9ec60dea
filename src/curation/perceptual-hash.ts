import type { WorkingImage } from '../quality/index.ts'

const side = 32
const low = 8

/** cos((2k + 1) n π / 2N) for the low frequencies 1 to 8, by frequency and place. */
const cosines = Array.from({ length: low }, (_, n) =>
  Float64Array.from({ length: side }, (_, k) => Math.cos(((2 * k + 1) * (n + 1) * Math.PI) / (2 * side))),
)

/** The perceptual hashes of an image and of its mirror image, 64 bits each in hexadecimal. */
export interface PerceptualHashes {
  readonly hash: string
  readonly mirroredHash: string
}

/** Means of the luma in 32 by 32 parts of a picture of any shape, which is what is hashed. */
export function hashedSquare({ grey, width, height }: Pick<WorkingImage, 'grey' | 'width' | 'height'>): Uint8Array {
  // Rounded, so that the parts of a mirror image are mirrored.
  const starts = (length: number): Uint32Array =>
    Uint32Array.from({ length: side + 1 }, (_, i) => Math.round((i * length) / side))
  const [lefts, tops] = [starts(width), starts(height)]
  return Uint8Array.from({ length: side * side }, (_, i) => {
    const [column, row] = [i % side, Math.floor(i / side)]
    const left = Math.min(lefts[column] as number, width - 1)
    const right = Math.max(left + 1, lefts[column + 1] as number)
    const top = Math.min(tops[row] as number, height - 1)
    const bottom = Math.max(top + 1, tops[row + 1] as number)
    let sum = 0
    for (let y = top; y < bottom; y++)
      for (let at = y * width + left, end = y * width + right; at < end; at++) sum += grey[at] as number
    return Math.round(sum / ((right - left) * (bottom - top)))
  })
}

/**
 * DCT hash of a grey square of 32 by 32 pixels: which of its 8 by 8 lowest frequencies, the constant ones left out, lie
 * above their mean (after Zauner 2010, "Implementation and benchmarking of perceptual image hash functions", 3.2.1).
 * Mirroring turns the sign of every second column, so both hashes take one transform.
 *
 * @param grey 1024 bytes, row by row
 */
export function perceptualHashes(grey: Uint8Array): PerceptualHashes {
  if (grey.length !== side * side)
    throw new RangeError(`a perceptual hash takes ${side * side} bytes, not ${grey.length}`)
  const columns = cosines.map((cosine) =>
    Float64Array.from({ length: side }, (_, y) => {
      let sum = 0
      for (let x = 0; x < side; x++) sum += (cosine[x] as number) * (grey[y * side + x] as number)
      return sum
    }),
  )
  const frequencies = columns.flatMap((rows) =>
    cosines.map((cosine) => {
      let sum = 0
      for (let y = 0; y < side; y++) sum += (cosine[y] as number) * (rows[y] as number)
      return sum / 4
    }),
  )
  // The first 8 have the horizontal frequency 1, which is odd, the next 8 have 2.
  const mirrored = frequencies.map((value, i) => (Math.floor(i / low) % 2 === 0 ? -value : value))
  return { hash: bitsAboveMean(frequencies), mirroredHash: bitsAboveMean(mirrored) }
}

function bitsAboveMean(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let bits = ''
  for (let i = 0; i < values.length; i += 4) {
    const four = values.slice(i, i + 4).reduce((digit, value) => digit * 2 + (value > mean ? 1 : 0), 0)
    bits += four.toString(16)
  }
  return bits
}
