import { type Handedness, loadRig, type Rig } from '../render/rig.ts'
import { poseJoints, skinMatrices, skinVertices } from '../render/skeleton.ts'
import type { Landmark } from './hand.ts'
import { poseOf } from './hand-shape.ts'
import type { Point } from './orientation.ts'
import { maskDistances } from './soft-mask.ts'

/** Which pixels of a picture show the hand; a byte per pixel, 0 is outside. */
export interface Silhouette {
  readonly mask: Uint8Array
  readonly width: number
  readonly height: number
}

/** Measures how far the outline of a posed hand is from a silhouette. */
export interface OutlineDistance {
  /** How many distances it gives. */
  readonly count: number
  /**
   * Distances in pixels.
   *
   * @param place gives the pixel of a point of the rig in metres
   */
  measure(side: Handedness, shape: ArrayLike<number>, place: (point: Point) => readonly [number, number]): Float64Array
}

/** One vertex in so many is asked whether it lies outside, and so many points of the edge whether a vertex reaches them. */
const [vertexStride, edgePoints] = [4, 48]
/** Landmarks lie in the flesh; edges farther away than this share of the hand's size belong to something else. */
const reach = 0.25

/**
 * Distances that are 0 where a posed hand fills a silhouette: of its vertices from the mask, and of the mask's edge from
 * the nearest vertex. The arm, which the rig does not follow, is left out: what lies behind the wrist.
 */
export function outlineDistance(
  { mask, width, height }: Silhouette,
  landmarks: readonly Landmark[],
  size: number,
): OutlineDistance {
  const outside = maskDistances(mask, width, height)
  const edge = edgeOf({ mask, width, height }, landmarks, size)
  const surfaces = { left: thinned(loadRig('left')), right: thinned(loadRig('right')) }
  const vertices = surfaces.left.positions.length / 3
  return {
    count: vertices + edge.length,
    measure(side, shape, place) {
      const [rig, pose] = [loadRig(side), poseOf(shape)]
      const { positions } = skinVertices(surfaces[side], skinMatrices(rig, pose, poseJoints(rig, pose)))
      const pixels = new Float64Array(2 * vertices)
      const out = new Float64Array(vertices + edge.length)
      for (let i = 0; i < vertices; i++) {
        const [x, y] = place(positions.subarray(3 * i, 3 * i + 3) as unknown as Point)
        pixels[2 * i] = x
        pixels[2 * i + 1] = y
        out[i] = sampled(outside, width, height, x, y)
      }
      edge.forEach(([x, y], i) => {
        let least = Infinity
        for (let k = 0; k < pixels.length; k += 2) {
          const [dx, dy] = [(pixels[k] as number) - x, (pixels[k + 1] as number) - y]
          least = Math.min(least, dx * dx + dy * dy)
        }
        out[vertices + i] = Math.sqrt(least)
      })
      return out
    },
  }
}

/** Every so many vertices of the hand, without the arm. */
function thinned({ positions, normals, joints, weights, handVertices }: Rig) {
  const kept = Array.from({ length: Math.ceil(handVertices / vertexStride) }, (_, i) => i * vertexStride)
  const rows = (values: ArrayLike<number>, width: number): number[] =>
    kept.flatMap((vertex) => Array.from({ length: width }, (_, k) => values[vertex * width + k] as number))
  return {
    positions: Float64Array.from(rows(positions, 3)),
    normals: Float64Array.from(rows(normals, 3)),
    joints: Uint8Array.from(rows(joints, 4)),
    weights: Float64Array.from(rows(weights, 4)),
  }
}

/** Pixels of the mask that touch the outside, near a landmark and before the wrist, evenly thinned out. */
function edgeOf({ mask, width, height }: Silhouette, landmarks: readonly Landmark[], size: number): [number, number][] {
  const [wrist, knuckle] = [landmarks[0] as Landmark, landmarks[9] as Landmark]
  const [alongX, alongY] = [knuckle.x - wrist.x, knuckle.y - wrist.y]
  const edge: [number, number][] = []
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x
      if (mask[at] === 0 || (mask[at - 1] && mask[at + 1] && mask[at - width] && mask[at + width])) continue
      if ((x - wrist.x) * alongX + (y - wrist.y) * alongY < 0) continue
      if (landmarks.some((point) => Math.hypot(point.x - x, point.y - y) < reach * size)) edge.push([x + 0.5, y + 0.5])
    }
  }
  const step = Math.max(1, edge.length / edgePoints)
  return Array.from(
    { length: Math.min(edgePoints, edge.length) },
    (_, i) => edge[Math.floor(i * step)] as [number, number],
  )
}

/** Bilinear between the centres of pixels; beyond the picture as at its edge. */
function sampled(values: Float32Array, width: number, height: number, x: number, y: number): number {
  const column = Math.max(0, Math.min(width - 1.001, x - 0.5))
  const row = Math.max(0, Math.min(height - 1.001, y - 0.5))
  const [left, top] = [Math.floor(column), Math.floor(row)]
  const [right, below] = [column - left, row - top]
  const at = (dx: number, dy: number): number =>
    values[Math.min(height - 1, top + dy) * width + Math.min(width - 1, left + dx)] as number
  const upper = at(0, 0) * (1 - right) + at(1, 0) * right
  return upper * (1 - below) + (at(0, 1) * (1 - right) + at(1, 1) * right) * below
}
