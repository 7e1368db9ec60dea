import { decodeRgb, type RgbImage } from '../artefact/png.ts'

/** An image as a matcher takes it: pixels, an encoded file's bytes, or its path. */
export type ImageSource = RgbImage | Uint8Array | string

/** How close two images must be, in steps of 0 to 255. */
export interface ImageTolerance {
  /** Mean absolute difference over all channels; 1 by default. */
  readonly mean?: number
  /** Largest absolute difference of any channel; 16 by default. */
  readonly maximum?: number
}

interface Verdict {
  readonly pass: boolean
  readonly message: () => string
}

/** Signatures for a declaration of your test runner's matchers. */
export interface ImageMatchers<Result = Promise<void>> {
  toBeCloseToImage(expected: ImageSource, tolerance?: ImageTolerance): Result
  toHaveSize(width: number, height: number): Result
}

/** Matchers for `expect.extend` of Vitest and Jest; await them. */
export const imageMatchers = {
  /** The same size, and no further apart than the tolerance. */
  async toBeCloseToImage(
    received: ImageSource,
    expected: ImageSource,
    tolerance: ImageTolerance = {},
  ): Promise<Verdict> {
    const [a, b] = await Promise.all([decoded(received), decoded(expected)])
    if (a.width !== b.width || a.height !== b.height) {
      return { pass: false, message: () => `the image is ${size(a)} pixels, the expected one ${size(b)}` }
    }
    const { mean = 1, maximum = 16 } = tolerance
    const found = differenceOf(a, b)
    const pass = found.mean <= mean && found.maximum <= maximum
    const numbers = `mean difference ${found.mean.toFixed(3)} (limit ${mean}), largest ${found.maximum} (limit ${maximum}) at column ${found.column}, row ${found.row}, ${(100 * found.changed).toFixed(1)} % of ${a.width * a.height} pixels differ`
    return { pass, message: () => `the images are ${pass ? '' : 'not '}close: ${numbers}` }
  },

  /** Width and height in pixels. */
  async toHaveSize(received: ImageSource, width: number, height: number): Promise<Verdict> {
    const image = await decoded(received)
    const pass = image.width === width && image.height === height
    return { pass, message: () => `the image is ${size(image)} pixels${pass ? '' : `, not ${width}x${height}`}` }
  },
}

async function decoded(source: ImageSource): Promise<RgbImage> {
  return typeof source === 'string' || source instanceof Uint8Array ? decodeRgb(source) : source
}

function size({ width, height }: RgbImage): string {
  return `${width}x${height}`
}

function differenceOf(a: RgbImage, b: RgbImage) {
  let sum = 0
  let maximum = 0
  let place = 0
  let changed = 0
  for (let pixel = 0; pixel < a.width * a.height; pixel++) {
    let most = 0
    for (let i = 3 * pixel; i < 3 * pixel + 3; i++) {
      const distance = Math.abs((a.pixels[i] as number) - (b.pixels[i] as number))
      sum += distance
      most = Math.max(most, distance)
    }
    if (most > 0) changed += 1
    if (most > maximum) [maximum, place] = [most, pixel]
  }
  const pixels = a.width * a.height
  return {
    mean: sum / (3 * pixels),
    maximum,
    column: place % a.width,
    row: Math.floor(place / a.width),
    changed: changed / pixels,
  }
}
