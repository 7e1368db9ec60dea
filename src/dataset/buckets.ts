import type { BucketSettings } from '../config/bucket.ts'
import { ConfigError, DatasetError } from '../errors/index.ts'
import type { DatasetItem } from '../protocol/jobs.ts'

/** Pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** The sizes that images may be brought to, with everything they follow from. */
export interface BucketGrid {
  readonly area: number
  readonly step: number
  readonly least: number
  readonly largest: number
  readonly upscale: boolean
  /** From the narrowest to the widest. */
  readonly sizes: readonly Size[]
}

/** What a base says of the sizes it takes. */
export interface SizeRules {
  /** Pixels that its autoencoder makes one latent of. */
  readonly reduction: number
  /** Pixels that all its halvings divide. */
  readonly sizeStep: number
}

/**
 * All sizes for buckets of an area: for every side between least and largest the longest other side, in steps, that
 * keeps within the area, either way round, and the largest square.
 * Throws ConfigError (`bucket-side`) that names a side which is no multiple of the step, or a range that holds none.
 */
export function bucketGrid(settings: BucketSettings, { width, height }: Size, rules: SizeRules): BucketGrid {
  const area = width * height
  const square = Math.sqrt(area)
  const step = settings.step ?? rules.sizeStep
  requireMultiple('step', step, rules.reduction, "the autoencoder's reduction")
  const least = settings.least ?? Math.max(step, Math.ceil(square / 2 / step) * step)
  const largest = settings.largest ?? Math.floor((2 * square) / step) * step
  requireMultiple('least', least, step, 'the step')
  requireMultiple('largest', largest, step, 'the step')
  const found = new Map<string, Size>()
  const add = (size: Size) => found.set(`${size.width}x${size.height}`, size)
  const even = Math.floor(square / step) * step
  if (least <= even && even <= largest) add({ width: even, height: even })
  for (let side = least; side <= largest; side += step) {
    const other = Math.min(largest, Math.floor(area / side / step) * step)
    if (other < least) continue
    add({ width: side, height: other })
    add({ width: other, height: side })
  }
  if (found.size === 0) {
    throw new ConfigError({
      code: 'bucket-side',
      message: `No size of about ${width}x${height} pixels has sides from ${least} to ${largest} in steps of ${step}. Widen buckets.least and buckets.largest, or change width and height.`,
      facts: { area, step, least, largest },
    })
  }
  const sizes = [...found.values()].sort((a, b) => a.width / a.height - b.width / b.height || a.width - b.width)
  return { area, step, least, largest, upscale: settings.upscale, sizes }
}

/**
 * The size that an image is brought to. Aspects are compared by their ratio, so that an image and the same one turned
 * on its side go to sizes that are turned, too; of two equally near sizes the larger one is taken. Null when the image
 * would have to be enlarged and may not, and is too small for any size within its own.
 */
export function bucketOf(image: Size, grid: BucketGrid): Size | null {
  const aspect = image.width / image.height
  const distance = ({ width, height }: Size) => Math.abs(Math.log(width / height / aspect))
  const nearest = grid.sizes.reduce((best, size) => {
    const difference = distance(size) - distance(best)
    const larger = size.width * size.height > best.width * best.height
    return difference < -1e-9 || (difference < 1e-9 && larger) ? size : best
  })
  const covers = image.width >= nearest.width && image.height >= nearest.height
  if (grid.upscale || covers) return nearest
  const scale = Math.min(1, Math.sqrt(grid.area / (image.width * image.height)))
  const within = (side: number) => Math.min(grid.largest, Math.floor((side * scale) / grid.step) * grid.step)
  const own = { width: within(image.width), height: within(image.height) }
  return Math.min(own.width, own.height) < grid.least ? null : own
}

/** Sizes, and which of them each image of each dataset is brought to. */
export interface BucketPlan {
  readonly sizes: readonly Size[]
  /** For every dataset the index of each image's size. */
  readonly places: readonly (readonly number[])[]
}

/**
 * Puts every image of several datasets into a bucket; only sizes that some image has are kept.
 * Throws DatasetError (`image-too-small`) with all images that are too small to be trained on without being enlarged.
 */
export function planBuckets(
  datasets: readonly (readonly Pick<DatasetItem, 'file' | 'width' | 'height'>[])[],
  grid: BucketGrid,
): BucketPlan {
  const chosen = datasets.map((items) => items.map((item) => bucketOf(item, grid)))
  const small = datasets.flatMap((items, d) => items.filter((_, i) => chosen[d]?.[i] === null))
  if (small.length > 0) {
    const named = small.slice(0, 5).map(({ file, width, height }) => `${file} (${width}x${height})`)
    throw new DatasetError({
      code: 'image-too-small',
      message: `${small.length} images have no size with sides of at least ${grid.least} pixels within their own: ${named.join(', ')}. Allow upscale, lower buckets.least, or take them out.`,
      facts: { files: small.map(({ file }) => file), least: grid.least },
    })
  }
  const sizes = new Map<string, Size>()
  const keyOf = ({ width, height }: Size) => `${width}x${height}`
  for (const size of chosen.flat()) if (size !== null) sizes.set(keyOf(size), size)
  const listed = [...sizes.values()].sort((a, b) => a.width / a.height - b.width / b.height || a.width - b.width)
  const index = new Map(listed.map((size, i) => [keyOf(size), i]))
  return {
    sizes: listed,
    places: chosen.map((places) => places.map((size) => index.get(keyOf(size as Size)) as number)),
  }
}

function requireMultiple(name: string, value: number, of: number, what: string): void {
  if (value % of === 0 && value > 0) return
  throw new ConfigError({
    code: 'bucket-side',
    message: `buckets.${name} is ${value}; it must be a multiple of ${of}, ${what}.`,
    facts: { setting: `buckets.${name}`, value, multiple: of },
  })
}
