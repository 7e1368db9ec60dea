import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { minimise } from '../../src/hands/least-squares.ts'
import { align, rotate } from '../../src/hands/orientation.ts'
import { rotationXYZ } from '../../src/render/matrix.ts'

describe('least squares', () => {
  it("ends at the bottom of Rosenbrock's valley", () => {
    const valley = ([x, y]: Float64Array) => Float64Array.of(10 * (y! - x! * x!), 1 - x!)
    const { parameters, cost } = minimise(valley, Float64Array.of(-1.2, 1), Float64Array.of(1e-6, 1e-6), 200)
    // Forward differences leave an error of about their step.
    expect(parameters[0]).toBeCloseTo(1, 3)
    expect(parameters[1]).toBeCloseTo(1, 3)
    expect(cost).toBeLessThan(1e-6)
  })

  it('fits a line as the closed formula does', () => {
    const value = fc.double({ min: -10, max: 10, noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 12 }), (ys) => {
        const xs = ys.map((_, i) => i)
        const [meanX, meanY] = [xs, ys].map((all) => all.reduce((sum, one) => sum + one, 0) / all.length) as [
          number,
          number,
        ]
        const slope =
          xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i]! - meanY), 0) /
          xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
        const line = ([a, b]: Float64Array) => Float64Array.from(ys, (y, i) => a! + b! * i - y)
        const found = minimise(line, Float64Array.of(0, 0), Float64Array.of(1e-4, 1e-4), 100).parameters
        // A search ends when a step gains less than a ten-thousandth of the cost.
        expect(Math.abs(found[1]! - slope)).toBeLessThan(0.02 * (1 + Math.abs(slope)))
        expect(Math.abs(found[0]! - (meanY - slope * meanX))).toBeLessThan(0.1)
      }),
    )
  })

  it('leaves a parameter alone that changes nothing, and comes back from where there is no number', () => {
    const root = ([x]: Float64Array) => Float64Array.of(Math.sqrt(x!) - 1)
    const { parameters } = minimise(root, Float64Array.of(0.01, 7), Float64Array.of(1e-6, 1e-6), 50)
    expect(parameters[0]).toBeCloseTo(1, 3)
    expect(parameters[1]).toBe(7)
  })
})

describe('alignment', () => {
  it('gives back any turn and scale of points that do not lie in a line', () => {
    const points = [
      [0, 0, 0],
      [1, 0, 0.2],
      [0.3, 2, 0],
      [0.1, 0.4, 1.5],
      [-1, 0.2, 0.3],
    ] as const
    const degrees = fc.double({ min: -180, max: 180, noNaN: true })
    fc.assert(
      fc.property(degrees, degrees, degrees, fc.double({ min: 0.1, max: 50, noNaN: true }), (x, y, z, size) => {
        const turn = rotationXYZ(x, y, z)
        const there = points.map((point) => {
          const [a, b, c] = rotate(turn, point)
          return [a * size + 3, b * size - 1, c * size] as const
        })
        const { rotation, scale } = align(points, there)
        expect(scale / size).toBeCloseTo(1, 6)
        for (let i = 0; i < 12; i++) expect(rotation[i]).toBeCloseTo(turn[i]!, 5)
      }),
    )
  })
})
