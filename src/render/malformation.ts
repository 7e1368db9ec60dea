import { type Defect, type ExtraFingerPlace, extraFingerModel } from './defects.ts'
import { type Affine, invert, multiply, rotationXYZ, translation } from './matrix.ts'
import { type FingerName, fingerJoints, fingerNames, type Rig } from './rig.ts'
import type { BoneScale, JointRotation, Pose, SkinnedVertices } from './skeleton.ts'

/** How an extra finger leaves the knuckle of the finger it copies, for a right hand seen from the palm. */
interface Growth {
  /** Shift of the knuckle towards the thumb and towards the fingertips, metres. */
  readonly shift: readonly [number, number]
  /** Turn towards the little finger, degrees. */
  readonly turn: number
  /** Fingers on either side that move apart to make room: towards the thumb, towards the little finger. */
  readonly neighbours: readonly [readonly FingerName[], readonly FingerName[]]
}

const growths: Readonly<Record<ExtraFingerPlace, Growth>> = {
  'beside-pinky': { shift: [-0.003, -0.019], turn: 20, neighbours: [[], []] },
  'index-middle': { shift: [-0.0105, -0.003], turn: 7, neighbours: [['index'], ['middle', 'ring', 'pinky']] },
  'middle-ring': {
    shift: [-0.01, -0.003],
    turn: 7,
    neighbours: [
      ['index', 'middle'],
      ['ring', 'pinky'],
    ],
  },
  'ring-pinky': { shift: [-0.009, -0.006], turn: 7, neighbours: [['index', 'middle', 'ring'], ['pinky']] },
  'second-thumb': { shift: [-0.013, -0.012], turn: -32, neighbours: [[], []] },
}

/** How far neighbours move apart, degrees. */
const room = 5.5
/** What is left of a missing finger: a stump that closes the knuckle. */
const stump: BoneScale = { length: 0.03, thickness: 0.8 }

/** The pose of a malformed hand: missing fingers shrink to stumps, neighbours of an extra finger make room. */
export function malformPose(pose: Pose, defect: Defect): Pose {
  if (defect.kind === 'none') return pose
  if (defect.kind === 'missing') {
    const scales = new Map(pose.scales)
    for (const finger of defect.fingers) for (const joint of fingerJoints[finger].slice(1)) scales.set(joint, stump)
    return { ...pose, scales }
  }
  const rotations = new Map(pose.rotations)
  const [thumbSide, pinkySide] = growths[defect.place].neighbours
  for (const finger of thumbSide) spread(rotations, finger, room)
  for (const finger of pinkySide) spread(rotations, finger, -room)
  return { ...pose, rotations }
}

function spread(rotations: Map<number, JointRotation>, finger: FingerName, degrees: number): void {
  const knuckle = fingerJoints[finger][1] as number
  const now = rotations.get(knuckle) ?? { flex: 0, spread: 0, twist: 0 }
  rotations.set(knuckle, { ...now, spread: now.spread + degrees })
}

/** A surface that can be drawn: posed vertices with their texture coordinates and triangles. */
export interface MalformableSurface extends SkinnedVertices {
  readonly uvs: Float64Array
  readonly triangles: Uint32Array
}

/** Adds the copy of a posed finger; the open end of the copy lies inside the palm. */
export function growExtraFinger<Surface extends MalformableSurface>(
  surface: Surface,
  rig: Rig,
  world: readonly Affine[],
  defect: Defect,
): Surface {
  if (defect.kind !== 'extra') return surface
  const finger = extraFingerModel[defect.place]
  const carry = carryFinger(rig, world, finger, growths[defect.place])
  const copied = new Map<number, number>()
  const first = surface.positions.length / 3
  const triangles = [...surface.triangles]
  for (let at = 0; at < rig.handTriangles * 3; at += 3) {
    const corners = [rig.triangles[at], rig.triangles[at + 1], rig.triangles[at + 2]] as [number, number, number]
    if (!corners.every((corner) => belongsTo(finger, rig.dominant[corner] as number))) continue
    for (const corner of corners) {
      if (!copied.has(corner)) copied.set(corner, first + copied.size)
      triangles.push(copied.get(corner) as number)
    }
  }
  return {
    ...surface,
    positions: extend(surface.positions, [...copied.keys()], 3, (point) => apply(carry, point, 1)),
    normals: extend(surface.normals, [...copied.keys()], 3, (normal) => apply(carry, normal, 0)),
    uvs: extend(surface.uvs, [...copied.keys()], 2, (uv) => uv),
    triangles: Uint32Array.from(triangles),
  }
}

function belongsTo(finger: FingerName, joint: number): boolean {
  return fingerJoints[finger].indexOf(joint) >= 1
}

/** Turns and shifts posed points of a finger about its knuckle, in the frame of the hand. */
function carryFinger(rig: Rig, world: readonly Affine[], finger: FingerName, { shift, turn }: Growth): Affine {
  const mirror = rig.handedness === 'right' ? 1 : -1
  const hand = handFrame(rig, world)
  const toHand = invert(hand)
  const knuckle = multiply(toHand, world[fingerJoints[finger][1] as number] as Affine)
  const [x, y, z] = [knuckle[3] as number, knuckle[7] as number, knuckle[11] as number]
  const there = translation(x + mirror * shift[0], y + shift[1], z)
  const inHand = multiply(there, multiply(rotationXYZ(0, 0, mirror * turn), translation(-x, -y, -z)))
  return multiply(hand, multiply(inHand, toHand))
}

/** Carries the rig's own frame (y to the fingers, z out of the palm) to where the wrist is now. */
function handFrame(rig: Rig, world: readonly Affine[]): Affine {
  return multiply(world[0] as Affine, rig.inverseBind[0] as Affine)
}

function apply(m: Affine, [x, y, z]: readonly number[], w: 0 | 1): number[] {
  return [0, 4, 8].map(
    (r) =>
      (m[r] as number) * (x as number) +
      (m[r + 1] as number) * (y as number) +
      (m[r + 2] as number) * (z as number) +
      w * (m[r + 3] as number),
  )
}

function extend(
  values: Float64Array,
  rows: readonly number[],
  width: number,
  carry: (row: readonly number[]) => readonly number[],
): Float64Array {
  const out = new Float64Array(values.length + rows.length * width)
  out.set(values)
  rows.forEach((row, i) => {
    out.set(carry([...values.subarray(row * width, (row + 1) * width)]), values.length + i * width)
  })
  return out
}

/** A random defect: one finger missing, two missing, or a sixth somewhere, equally often. */
export function sampleDefect(
  random: { pick<T>(from: readonly T[]): T },
  fingers: readonly FingerName[] = fingerNames,
): Defect {
  const kind = random.pick(['one-missing', 'two-missing', 'extra'] as const)
  if (kind === 'extra') return { kind: 'extra', place: random.pick(Object.keys(growths) as ExtraFingerPlace[]) }
  const first = random.pick(fingers)
  if (kind === 'one-missing') return { kind: 'missing', fingers: [first] }
  return { kind: 'missing', fingers: [first, random.pick(fingers.filter((name) => name !== first))] }
}
