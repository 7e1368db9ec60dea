import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../src/util/random.ts'

const key = fc.array(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 })

describe('RandomStream', () => {
  it('gives the same numbers for the same key, and others for another', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const draw = (parts: readonly (string | number)[]) => {
          const stream = new RandomStream(...parts)
          return Array.from({ length: 4 }, () => stream.uint32())
        }
        expect(draw(one)).toEqual(draw(one))
        if (JSON.stringify(one) !== JSON.stringify(other)) expect(draw(one)).not.toEqual(draw(other))
      }),
    )
  })

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(key, fc.integer({ min: 1, max: 1000 }), (parts, count) => {
        const stream = new RandomStream(...parts)
        for (let i = 0; i < 20; i++) {
          expect(stream.integer(count)).toBeLessThan(count)
          expect(stream.integer(count)).toBeGreaterThanOrEqual(0)
          const unit = stream.unit()
          expect(unit >= 0 && unit < 1).toBe(true)
        }
        expect([...stream.shuffle([...Array(9).keys()])].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
      }),
    )
  })

  it('is uniform and normal', () => {
    const stream = new RandomStream('distribution')
    const draws = 64_000
    const bins = new Array<number>(64).fill(0)
    for (let i = 0; i < draws; i++) bins[stream.integer(64)]! += 1
    const expected = draws / 64
    const chi = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // 63 degrees of freedom: 99.9 % of uniform generators lie between 31 and 104.
    expect(chi).toBeGreaterThan(31)
    expect(chi).toBeLessThan(104)
    const normals = Array.from({ length: draws }, () => stream.normal())
    const mean = normals.reduce((sum, value) => sum + value, 0) / draws
    const variance = normals.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws
    // Four standard errors: 4 / sqrt(n) for the mean, 4 * sqrt(2 / n) for the variance.
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(draws))
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / draws))
  })
})
