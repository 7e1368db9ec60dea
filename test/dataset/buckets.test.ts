import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bucketSettings } from '../../src/config/bucket.ts'
import { resolve } from '../../src/config/resolve.ts'
import { bucketGrid, bucketOf, planBuckets, type Size } from '../../src/dataset/buckets.ts'
import type { DatasetItem } from '../../src/protocol/jobs.ts'

const sd = { reduction: 8, sizeStep: 64 }

function gridOf(input: object = {}, size: Size = { width: 512, height: 512 }, rules = sd) {
  return bucketGrid(resolve(bucketSettings, input, 'buckets'), size, rules)
}

function itemOf({ width, height }: Size): DatasetItem {
  const labels = { fingers: null, defect: null, control: null, mask: null, repeats: 1 }
  return { file: `${width}x${height}.png`, sha256: '0'.repeat(64), caption: '', width, height, ...labels }
}

const sides = fc.record({ width: fc.integer({ min: 1, max: 6000 }), height: fc.integer({ min: 1, max: 6000 }) })

describe('the sizes', () => {
  test('are those of kohya for 512x512, 256 to 1024 in steps of 64', () => {
    const texts = gridOf({ least: 256, largest: 1024 }).sizes.map(({ width, height }) => `${width}x${height}`)
    // Worked out by hand after `make_bucket_resolutions`: 64 times the whole part of 64 / n for n from 4 to 16.
    const tall = ['256x1024', '256x960', '256x896', '256x832', '320x768', '320x704', '384x640', '448x576']
    const wide = tall.map((text) => text.split('x').reverse().join('x')).reverse()
    expect(texts.toSorted()).toEqual([...tall, '512x512', ...wide].toSorted())
  })

  test('are by default from half to twice the side, in steps that the base halves evenly', () => {
    expect(gridOf()).toMatchObject({ least: 256, largest: 1024, step: 64 })
    const xl = gridOf({}, { width: 1024, height: 1024 }, { reduction: 8, sizeStep: 32 })
    expect(xl).toMatchObject({ least: 512, largest: 2048, step: 32 })
  })

  test('keep within the area and the sides, in steps, each as large as it can be, and turned about', () => {
    const numbers = fc.record({
      step: fc.integer({ min: 1, max: 12 }),
      least: fc.integer({ min: 1, max: 8 }),
      more: fc.integer({ min: 0, max: 30 }),
      width: fc.integer({ min: 64, max: 2048 }),
      height: fc.integer({ min: 64, max: 2048 }),
    })
    fc.assert(
      fc.property(numbers, ({ step: steps, least: first, more, width, height }) => {
        const step = 8 * steps
        const [least, largest] = [first * step, (first + more) * step]
        // Without the program's formula: try every pair.
        const multiples = Array.from({ length: more + 1 }, (_, i) => least + i * step)
        const fitting = multiples.flatMap((a) =>
          multiples.filter((b) => a * b <= width * height).map((b) => [a, b] as const),
        )
        const fullest = fitting.filter(
          ([a, b]) => !fitting.some(([c, d]) => c === a && d > b) || !fitting.some(([c, d]) => d === b && c > a),
        )
        const square = fitting.filter(([a, b]) => a === b).at(-1)
        const wanted = new Set([...fullest, ...(square === undefined ? [] : [square])].map((pair) => pair.join('x')))
        if (fitting.length === 0) {
          expect(() => gridOf({ step, least, largest }, { width, height })).toThrowError(/No size/)
          return
        }
        const { sizes } = gridOf({ step, least, largest }, { width, height })
        expect(new Set(sizes.map((size) => `${size.width}x${size.height}`))).toEqual(wanted)
      }),
    )
  })

  test.each([
    [{ step: 12 }, /buckets\.step is 12; it must be a multiple of 8/],
    [{ least: 100 }, /buckets\.least is 100; it must be a multiple of 64/],
    [{ largest: 1000 }, /buckets\.largest is 1000/],
    [{ least: 1024, largest: 512 }, /No size/],
    [{ least: 576, largest: 640 }, /No size/],
  ])('%o is refused', (input, message) => {
    expect(() => gridOf(input)).toThrowError(expect.objectContaining({ name: 'ConfigError', code: 'bucket-side' }))
    expect(() => gridOf(input)).toThrowError(message)
  })
})

describe('an image', () => {
  test('goes to the nearest aspect, and turned about to the size turned about', () => {
    const grid = gridOf()
    expect(bucketOf({ width: 4000, height: 3000 }, grid)).toEqual({ width: 576, height: 448 })
    fc.assert(
      fc.property(sides, (image) => {
        const size = bucketOf(image, grid) as Size
        const lost = (other: Size) => Math.abs(Math.log(other.width / other.height / (image.width / image.height)))
        expect(Math.min(...grid.sizes.map(lost))).toBeGreaterThan(lost(size) - 1e-6)
        expect(bucketOf({ width: image.height, height: image.width }, grid)).toEqual({
          width: size.height,
          height: size.width,
        })
      }),
    )
  })

  test('is never enlarged without upscale: it gets a size within its own, as kohya cuts it', () => {
    const grid = gridOf({ upscale: false, least: 64 })
    expect(bucketOf({ width: 500, height: 300 }, grid)).toEqual({ width: 448, height: 256 })
    expect(bucketOf({ width: 5000, height: 3000 }, grid)).toEqual(
      bucketOf({ width: 5000, height: 3000 }, gridOf({ least: 64 })),
    )
    fc.assert(
      fc.property(sides, (image) => {
        const size = bucketOf(image, grid)
        if (size === null) {
          // Less than a step after scaling to the area: 64 of at most 6000 to 1 pixels at 512x512.
          expect(
            Math.min(image.width, image.height) * Math.min(1, 512 / Math.sqrt(image.width * image.height)),
          ).toBeLessThan(64)
          return
        }
        expect(size.width <= image.width && size.height <= image.height).toBe(true)
        expect(size.width * size.height).toBeLessThanOrEqual(512 * 512)
        expect([size.width % 64, size.height % 64]).toEqual([0, 0])
      }),
    )
  })

  test('that is too small is named', () => {
    const items = [
      { width: 600, height: 600 },
      { width: 100, height: 90 },
    ].map(itemOf)
    expect(() => planBuckets([items], gridOf({ upscale: false }))).toThrowError(
      expect.objectContaining({
        name: 'DatasetError',
        code: 'image-too-small',
        facts: expect.objectContaining({ files: ['100x90.png'] }),
      }),
    )
  })
})

test('a plan knows the sizes that are used and the size of every image', () => {
  const images = [
    { width: 600, height: 600 },
    { width: 900, height: 450 },
    { width: 700, height: 700 },
  ].map(itemOf)
  const plan = planBuckets([images, images.slice(1, 2)], gridOf())
  expect(plan.sizes.map(({ width, height }) => [width, height])).toEqual([
    [512, 512],
    [704, 320],
  ])
  expect(plan.places).toEqual([[0, 1, 0], [1]])
})
