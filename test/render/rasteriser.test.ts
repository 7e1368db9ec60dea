import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Camera, project, rasterise, type Surface } from '../../src/render/rasteriser.ts'

const camera: Camera = { focal: 40, centreX: 32, centreY: 24 }
const [width, height] = [64, 48]

/** A counter-clockwise square of the given half side facing the camera at a distance. */
function square(half: number, distance: number): Surface {
  return {
    positions: Float64Array.of(
      -half,
      -half,
      -distance,
      half,
      -half,
      -distance,
      half,
      half,
      -distance,
      -half,
      half,
      -distance,
    ),
    normals: Float64Array.of(0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1),
    uvs: new Float64Array(8),
    triangles: Uint32Array.of(0, 1, 2, 0, 2, 3),
  }
}

describe('projection', () => {
  it('puts points on one ray at one pixel and farther points nearer to the middle', () => {
    const coordinate = fc.double({ min: -1, max: 1, noNaN: true })
    const distance = fc.double({ min: 0.1, max: 10, noNaN: true })
    fc.assert(
      fc.property(coordinate, coordinate, distance, fc.double({ min: 1.1, max: 5, noNaN: true }), (x, y, z, factor) => {
        const [px, py, near] = project(camera, x, y, -z)
        const [qx, qy, far] = project(camera, x * factor, y * factor, -z * factor)
        // Double rounding of values up to 400.
        expect(Math.hypot(px - qx, py - qy)).toBeLessThan(1e-9)
        expect(far / near).toBeCloseTo(factor, 10)
        const [rx, ry] = project(camera, x, y, -z * factor)
        const fromMiddle = (a: number, b: number) => Math.hypot(a - camera.centreX, b - camera.centreY)
        expect(fromMiddle(rx, ry)).toBeLessThanOrEqual(fromMiddle(px, py) + 1e-9)
      }),
    )
  })
})

describe('rasterisation', () => {
  it('covers each pixel of a square once, edges shared by its triangles included', () => {
    const { surface, depth } = rasterise([square(0.5, 2)], camera, width, height)
    const covered = [...surface].map((value, at) => (value === 0 ? at : -1)).filter((at) => at >= 0)
    const xs = covered.map((at) => at % width)
    const ys = covered.map((at) => Math.floor(at / width))
    // 40 · 0.5 / 2 = 10 pixels to either side of (32, 24).
    expect([Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]).toEqual([22, 41, 14, 33])
    expect(covered).toHaveLength(400)
    for (const at of covered) expect(depth[at]).toBeCloseTo(2, 5)
  })

  it('shows the nearer surface whatever the order', () => {
    const [near, far] = [square(0.2, 1), square(1, 3)]
    const middle = 24 * width + 32
    for (const order of [
      [near, far],
      [far, near],
    ]) {
      const buffer = rasterise(order, camera, width, height)
      expect(order[buffer.surface[middle]!]).toBe(near)
      expect(buffer.depth[middle]).toBeCloseTo(1, 6)
    }
  })

  it('skips faces turned away and points behind the camera', () => {
    const turned = { ...square(0.5, 2), triangles: Uint32Array.of(0, 2, 1, 0, 3, 2) }
    for (const surface of [turned, square(0.5, -2)]) {
      expect(rasterise([surface], camera, width, height).surface.every((value) => value === -1)).toBe(true)
    }
  })

  it('interpolates depth and weights along a tilted face as the plane says', () => {
    const tilted: Surface = {
      ...square(0.5, 2),
      positions: Float64Array.of(-1, -1, -2, 1, -1, -4, 1, 1, -4, -1, 1, -2),
    }
    const buffer = rasterise([tilted], camera, width, height)
    for (let at = 0; at < buffer.depth.length; at++) {
      if (buffer.surface[at] !== 0) continue
      // On the plane z = −3 − x the ray through column c meets distance 3 / (1 − (c − centre) / focal).
      const slope = ((at % width) + 0.5 - camera.centreX) / camera.focal
      const distance = 3 / (1 - slope)
      expect(buffer.depth[at]! / distance).toBeCloseTo(1, 5)
      const corners = [0, 1, 2].map((k) => tilted.triangles[buffer.triangle[at]! + k]!)
      const weights = [buffer.first[at]!, buffer.second[at]!, 1 - buffer.first[at]! - buffer.second[at]!]
      const z = corners.reduce((sum, corner, k) => sum - weights[k]! * tilted.positions[corner * 3 + 2]!, 0)
      expect(z).toBeCloseTo(distance, 4)
    }
  })
})
