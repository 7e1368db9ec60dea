import { type Affine, identity, multiply, rotationXYZ, scaling } from './matrix.ts'
import { jointParents, type Rig } from './rig.ts'

/** Rotation of one joint against the bind pose, degrees. The same numbers mean the same on both hands. */
export interface JointRotation {
  /** Towards the palm. */
  readonly flex: number
  /** Sideways, towards the thumb. */
  readonly spread: number
  /** About the bone's own axis. */
  readonly twist: number
}

/** Length and thickness of one bone against the scanned hand; 1 changes nothing. */
export interface BoneScale {
  readonly length: number
  readonly thickness: number
}

export interface Pose {
  readonly rotations: ReadonlyMap<number, JointRotation>
  readonly scales: ReadonlyMap<number, BoneScale>
}

/** World matrix of every joint in a pose: the parent chain is walked from the forearm outwards. */
export function poseJoints(rig: Rig, pose: Pose): Affine[] {
  const world = new Array<Affine>(jointParents.length)
  const mirror = rig.handedness === 'right' ? 1 : -1
  const place = (joint: number): Affine => {
    const done = world[joint]
    if (done !== undefined) return done
    const parent = jointParents[joint] as number
    const rotation = pose.rotations.get(joint)
    const local = rotation ? rotationXYZ(-rotation.flex, mirror * rotation.spread, mirror * rotation.twist) : identity()
    const rest = parent < 0 ? (rig.bind[joint] as Affine) : restRelative(rig, joint, parent, pose)
    const matrix = multiply(parent < 0 ? rest : multiply(place(parent), rest), local)
    world[joint] = matrix
    return matrix
  }
  for (let joint = 0; joint < world.length; joint++) place(joint)
  return world
}

/** Bind placement of a joint in its parent's frame, moved outwards when the parent's bone is longer. */
function restRelative(rig: Rig, joint: number, parent: number, pose: Pose): Affine {
  const rest = multiply(rig.inverseBind[parent] as Affine, rig.bind[joint] as Affine)
  const scale = pose.scales.get(parent)
  if (scale === undefined) return rest
  rest[3] = (rest[3] as number) * scale.thickness
  rest[7] = (rest[7] as number) * scale.thickness
  rest[11] = (rest[11] as number) * scale.length
  return rest
}

/** Matrix per joint that carries bind-pose points to the posed hand. */
export function skinMatrices(rig: Rig, pose: Pose, world: readonly Affine[]): Affine[] {
  return world.map((matrix, joint) => {
    const scale = pose.scales.get(joint)
    const inverseBind = rig.inverseBind[joint] as Affine
    if (scale === undefined) return multiply(matrix, inverseBind)
    return multiply(multiply(matrix, scaling(scale.thickness, scale.thickness, scale.length)), inverseBind)
  })
}

/** Positions and unit normals after linear-blend skinning. */
export interface SkinnedVertices {
  readonly positions: Float64Array
  readonly normals: Float64Array
}

/**
 * Linear-blend skinning (Magnenat-Thalmann et al. 1988): each vertex is the weighted mean of its four bones' views.
 * `geometry` may hold more vertices than the rig (copied fingers).
 */
export function skinVertices(
  geometry: { positions: Float64Array; normals: Float64Array; joints: Uint8Array; weights: Float64Array },
  matrices: readonly Affine[],
): SkinnedVertices {
  const count = geometry.positions.length / 3
  const positions = new Float64Array(count * 3)
  const normals = new Float64Array(count * 3)
  const blend = new Float64Array(12)
  for (let vertex = 0; vertex < count; vertex++) {
    blend.fill(0)
    for (let k = 0; k < 4; k++) {
      const weight = geometry.weights[vertex * 4 + k] as number
      if (weight === 0) continue
      const matrix = matrices[geometry.joints[vertex * 4 + k] as number] as Affine
      for (let i = 0; i < 12; i++) blend[i] = (blend[i] as number) + weight * (matrix[i] as number)
    }
    const at = vertex * 3
    applyPoint(blend, geometry.positions, positions, at)
    applyDirection(blend, geometry.normals, normals, at)
  }
  return { positions, normals }
}

function applyPoint(m: Affine, from: Float64Array, to: Float64Array, at: number): void {
  const [x, y, z] = [from[at] as number, from[at + 1] as number, from[at + 2] as number]
  for (let row = 0; row < 3; row++) {
    const r = row * 4
    to[at + row] = (m[r] as number) * x + (m[r + 1] as number) * y + (m[r + 2] as number) * z + (m[r + 3] as number)
  }
}

function applyDirection(m: Affine, from: Float64Array, to: Float64Array, at: number): void {
  const [x, y, z] = [from[at] as number, from[at + 1] as number, from[at + 2] as number]
  const a = (m[0] as number) * x + (m[1] as number) * y + (m[2] as number) * z
  const b = (m[4] as number) * x + (m[5] as number) * y + (m[6] as number) * z
  const c = (m[8] as number) * x + (m[9] as number) * y + (m[10] as number) * z
  const length = Math.hypot(a, b, c) || 1
  to[at] = a / length
  to[at + 1] = b / length
  to[at + 2] = c / length
}
