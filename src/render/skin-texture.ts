import { RandomStream } from '../util/random.ts'
import type { Affine } from './matrix.ts'
import { fingerJoints, fingerNames, type Rig } from './rig.ts'

export const textureSize = 256

/** Details of the skin over the mesh's texture coordinates, each texel 0 to 1. */
export interface SkinTexture {
  readonly nail: Float32Array
  readonly crease: Float32Array
  /** Where blood shows: finger tips, knuckles, the ball of the thumb. */
  readonly blush: Float32Array
  /** Palm side, where dark skin is lighter. */
  readonly palm: Float32Array
  readonly grain: Float32Array
}

/** Head line, heart line and life line of a right palm as polylines (x, y in metres, wrist at the origin). */
const palmLines = [
  [
    [-0.034, 0.066],
    [-0.016, 0.066],
    [0.002, 0.074],
    [0.014, 0.088],
  ],
  [
    [-0.03, 0.05],
    [-0.008, 0.056],
    [0.014, 0.066],
    [0.03, 0.07],
  ],
  [
    [0.03, 0.066],
    [0.012, 0.054],
    [0.002, 0.034],
    [0.002, 0.01],
  ],
] as const

const baked = new Map<Rig, SkinTexture>()

/** Bakes the skin's details once per rig: nails, creases at the joints, palm lines, blush and grain. */
export function skinTexture(rig: Rig): SkinTexture {
  const known = baked.get(rig)
  if (known !== undefined) return known
  const texture = bake(rig)
  baked.set(rig, texture)
  return texture
}

function bake(rig: Rig): SkinTexture {
  const empty = () => new Float32Array(textureSize * textureSize)
  const texture: SkinTexture = { nail: empty(), crease: empty(), blush: empty(), palm: empty(), grain: empty() }
  const random = new RandomStream('skin-grain')
  for (let i = 0; i < texture.grain.length; i++) texture.grain[i] = random.unit()
  for (let t = 0; t < rig.handTriangles * 3; t += 3) bakeTriangle(rig, texture, t)
  return texture
}

function bakeTriangle(rig: Rig, texture: SkinTexture, t: number): void {
  const corners = [0, 1, 2].map((k) => rig.triangles[t + k] as number)
  const u = corners.map((vertex) => (rig.uvs[vertex * 2] as number) * textureSize)
  const v = corners.map((vertex) => (rig.uvs[vertex * 2 + 1] as number) * textureSize)
  const [ua, ub, uc] = u as [number, number, number]
  const [va, vb, vc] = v as [number, number, number]
  const area = (ub - ua) * (vc - va) - (vb - va) * (uc - ua)
  if (area === 0) return
  const margin = 1.2 / Math.sqrt(Math.abs(area))
  for (let y = Math.max(0, Math.floor(Math.min(...v)) - 1); y <= Math.min(textureSize - 1, Math.max(...v) + 1); y++) {
    for (let x = Math.max(0, Math.floor(Math.min(...u)) - 1); x <= Math.min(textureSize - 1, Math.max(...u) + 1); x++) {
      const wa = ((ub - x - 0.5) * (vc - y - 0.5) - (vb - y - 0.5) * (uc - x - 0.5)) / area
      const wb = ((uc - x - 0.5) * (va - y - 0.5) - (vc - y - 0.5) * (ua - x - 0.5)) / area
      const wc = 1 - wa - wb
      if (Math.min(wa, wb, wc) < -margin) continue
      const mix = (values: Float64Array, k: number) =>
        wa * (values[(corners[0] as number) * 3 + k] as number) +
        wb * (values[(corners[1] as number) * 3 + k] as number) +
        wc * (values[(corners[2] as number) * 3 + k] as number)
      const point = [mix(rig.positions, 0), mix(rig.positions, 1), mix(rig.positions, 2)] as const
      const normal = [mix(rig.normals, 0), mix(rig.normals, 1), mix(rig.normals, 2)] as const
      paint(rig, texture, y * textureSize + x, point, normal, rig.dominant[corners[0] as number] as number)
    }
  }
}

type Vector = readonly [number, number, number]

function paint(rig: Rig, texture: SkinTexture, at: number, point: Vector, normal: Vector, joint: number): void {
  const finger = fingerNames.find((name) => fingerJoints[name].includes(joint))
  if (finger !== undefined) paintFinger(rig, texture, at, point, normal, fingerJoints[finger], finger === 'thumb')
  texture.palm[at] = smoothStep(-0.25, 0.45, normal[2])
  if (normal[2] < 0.2) return
  const mirror = rig.handedness === 'right' ? 1 : -1
  for (const line of palmLines) {
    const distance = polylineDistance(line, point[0] * mirror, point[1])
    raise(texture.crease, at, 0.9 * bump(distance, 0.0022))
  }
  raise(texture.blush, at, 0.5 * bump(Math.hypot(point[0] * mirror - 0.022, point[1] - 0.035), 0.03))
}

function paintFinger(
  rig: Rig,
  texture: SkinTexture,
  at: number,
  point: Vector,
  normal: Vector,
  joints: readonly number[],
  thumb: boolean,
): void {
  const outer = joints.slice(thumb ? 1 : 2, -1)
  for (const joint of outer) {
    const [, y, z] = transform(rig.inverseBind[joint] as Affine, point, 1)
    raise(texture.crease, at, (y > 0 ? 0.45 : 0.8) * bump(Math.abs(z), 0.0026))
    if (y > 0) raise(texture.blush, at, 0.6 * bump(Math.abs(z), 0.011))
  }
  const tip = rig.inverseBind[joints.at(-1) as number] as Affine
  const [x, y, z] = transform(tip, point, 1)
  const [, up] = transform(tip, normal, 0)
  raise(texture.blush, at, bump(Math.hypot(x, y, z), 0.016))
  const [halfWidth, halfLength] = thumb ? [0.0082, 0.0085] : [0.0064, 0.0075]
  const nail = 1 - Math.hypot(x / halfWidth, (z - 0.002) / halfLength)
  if (up > 0.15) raise(texture.nail, at, smoothStep(0, 0.18, nail))
}

function transform(matrix: Affine, [x, y, z]: Vector, w: 0 | 1): [number, number, number] {
  const row = (r: number) =>
    (matrix[r] as number) * x +
    (matrix[r + 1] as number) * y +
    (matrix[r + 2] as number) * z +
    w * (matrix[r + 3] as number)
  return [row(0), row(4), row(8)]
}

function polylineDistance(line: readonly (readonly [number, number])[], x: number, y: number): number {
  let best = Infinity
  for (let i = 0; i + 1 < line.length; i++) {
    const [ax, ay] = line[i] as readonly [number, number]
    const [bx, by] = line[i + 1] as readonly [number, number]
    const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    const clamped = Math.min(1, Math.max(0, along))
    best = Math.min(best, Math.hypot(x - ax - clamped * (bx - ax), y - ay - clamped * (by - ay)))
  }
  return best
}

function raise(channel: Float32Array, at: number, value: number): void {
  channel[at] = Math.max(channel[at] as number, value)
}

function bump(distance: number, radius: number): number {
  return distance >= radius ? 0 : (1 - (distance / radius) ** 2) ** 2
}

/** Hermite step from 0 at `low` to 1 at `high`. */
export function smoothStep(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)))
  return t * t * (3 - 2 * t)
}
