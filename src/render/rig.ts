import { readFileSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from '../util/package-root.ts'
import { appendForearm, type SkinnedGeometry } from './forearm.ts'
import { readSkinnedMesh } from './glb.ts'
import { type Affine, affineFromColumns, invert, multiply, translation } from './matrix.ts'

export type Handedness = 'left' | 'right'

export const fingerNames = ['thumb', 'index', 'middle', 'ring', 'pinky'] as const
export type FingerName = (typeof fingerNames)[number]

/** Bones of each finger from the wrist outwards, as indices into `jointNames`. */
export const fingerJoints: Readonly<Record<FingerName, readonly number[]>> = {
  thumb: [1, 2, 3, 4],
  index: [5, 6, 7, 8, 9],
  middle: [10, 11, 12, 13, 14],
  ring: [15, 16, 17, 18, 19],
  pinky: [20, 21, 22, 23, 24],
}

const jointOrder = [
  'wrist',
  'thumb-metacarpal',
  'thumb-phalanx-proximal',
  'thumb-phalanx-distal',
  'thumb-tip',
  ...['index', 'middle', 'ring', 'pinky'].flatMap((finger) =>
    ['metacarpal', 'phalanx-proximal', 'phalanx-intermediate', 'phalanx-distal', 'tip'].map(
      (bone) => `${finger}-finger-${bone}`,
    ),
  ),
]

/** Parent of each joint; the wrist hangs on the forearm, which is the root. */
export const forearmJoint = 25
export const jointParents: readonly number[] = Array.from({ length: 26 }, (_, joint) => {
  if (joint === forearmJoint) return -1
  if (joint === 0) return forearmJoint
  return [1, 5, 10, 15, 20].includes(joint) ? 0 : joint - 1
})

/** MediaPipe's 21 landmarks as joints: the four finger metacarpals are left out. */
export const landmarkJoints: readonly number[] = [
  0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24,
]

/**
 * A hand mesh with its skeleton in one frame for both hands, metres, wrist at the origin: y towards the fingers,
 * z out of the palm, x to the right when the palm faces the viewer (the thumb of a right hand lies at +x).
 */
export interface Rig extends SkinnedGeometry {
  readonly handedness: Handedness
  /** Vertices and triangles of the scanned hand come first; the forearm's follow. */
  readonly handVertices: number
  readonly handTriangles: number
  /** World matrix of each joint in the bind pose; a bone points along its local −z. */
  readonly bind: readonly Affine[]
  readonly inverseBind: readonly Affine[]
  /** Strongest joint of each vertex. */
  readonly dominant: Uint8Array
}

const loaded = new Map<Handedness, Rig>()

/** The rigged hand of the WebXR input profiles (MIT, see assets/LICENSE.md), read once per process. */
export function loadRig(handedness: Handedness): Rig {
  const known = loaded.get(handedness)
  if (known !== undefined) return known
  const rig = buildRig(handedness)
  loaded.set(handedness, rig)
  return rig
}

function buildRig(handedness: Handedness): Rig {
  const mesh = readSkinnedMesh(readFileSync(path.join(packageRoot(), 'src/render/assets', `${handedness}.glb`)))
  const order = jointOrder.map((name) => mesh.jointNames.indexOf(name))
  const rank = new Map(order.map((fileJoint, joint) => [fileJoint, joint]))
  const side = handedness === 'right' ? -1 : 1
  const turn = Float64Array.of(0, 0, side, 0, 0, -1, 0, 0, side, 0, 0, 0)
  const fileBind = order.map((joint) => invert(affineFromColumns(mesh.inverseBindMatrices, joint * 16)))
  const turned = fileBind.map((matrix) => multiply(turn, matrix))
  const wrist = turned[0] as Affine
  const frame = multiply(translation(-(wrist[3] ?? 0), -(wrist[7] ?? 0), -(wrist[11] ?? 0)), turn)
  const bind = fileBind.map((matrix) => multiply(frame, matrix))
  bind.push(bind[0] as Affine)
  const weights = normaliseWeights(mesh.weights)
  const hand = {
    positions: transformAll(frame, mesh.positions, 1),
    normals: transformAll(frame, mesh.normals, 0),
    uvs: mesh.uvs,
    joints: Uint8Array.from(mesh.joints, (joint) => rank.get(joint) ?? 0),
    weights,
    triangles: Uint32Array.from(mesh.triangles),
  }
  const geometry = appendForearm(hand, forearmJoint)
  return {
    handedness,
    ...geometry,
    handVertices: hand.positions.length / 3,
    handTriangles: hand.triangles.length / 3,
    bind,
    inverseBind: bind.map(invert),
    dominant: dominantJoints(geometry.joints, geometry.weights),
  }
}

function transformAll(matrix: Affine, points: Float64Array, w: 0 | 1): Float64Array {
  const out = new Float64Array(points.length)
  for (let i = 0; i < points.length; i += 3) {
    for (let row = 0; row < 3; row++) {
      let sum = w * (matrix[row * 4 + 3] as number)
      for (let k = 0; k < 3; k++) sum += (matrix[row * 4 + k] as number) * (points[i + k] as number)
      out[i + row] = sum
    }
  }
  return out
}

function normaliseWeights(weights: Float64Array): Float64Array {
  const out = new Float64Array(weights.length)
  for (let i = 0; i < weights.length; i += 4) {
    const sum = (weights[i] ?? 0) + (weights[i + 1] ?? 0) + (weights[i + 2] ?? 0) + (weights[i + 3] ?? 0)
    for (let k = 0; k < 4; k++) out[i + k] = (weights[i + k] ?? 0) / sum
  }
  return out
}

function dominantJoints(joints: Uint8Array, weights: Float64Array): Uint8Array {
  return Uint8Array.from({ length: weights.length / 4 }, (_, vertex) => {
    let best = 0
    for (let k = 1; k < 4; k++) if ((weights[vertex * 4 + k] ?? 0) > (weights[vertex * 4 + best] ?? 0)) best = k
    return joints[vertex * 4 + best] ?? 0
  })
}
