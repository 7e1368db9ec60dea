import { type Gesture, type GestureName, gestureNames, gestureRotations, gestures } from '../render/gestures.ts'
import type { Affine } from '../render/matrix.ts'
import { fingerJoints, fingerNames, type Handedness, landmarkJoints, loadRig } from '../render/rig.ts'
import { samplePose } from '../render/scene.ts'
import { type BoneScale, type JointRotation, type Pose, poseJoints } from '../render/skeleton.ts'
import type { Point } from './orientation.ts'

type Axis = keyof JointRotation

/** Angles that a pose is made of, as joint and axis: what the gestures of the renderer move. */
const angles: readonly (readonly [joint: number, axis: Axis])[] = fingerNames.flatMap((finger) => {
  const joints = fingerJoints[finger]
  const [first, second, third] = (finger === 'thumb' ? joints : joints.slice(1)) as [number, number, number]
  const flexed = [first, second, third].map((joint) => [joint, 'flex'] as const)
  return [...flexed, [first, 'spread'] as const, ...(finger === 'thumb' ? [[first, 'twist'] as const] : [])]
})

/** How many of a shape's numbers are angles; they come first. */
export const angleCount = angles.length

/** How many numbers a shape has: angles in degrees, then the logarithm of the length of each finger. */
export const shapeLength = angles.length + fingerNames.length

/** A shape is a pose as numbers; these are the numbers of one. */
export function shapeOf(pose: Pose): Float64Array {
  const shape = new Float64Array(shapeLength)
  angles.forEach(([joint, axis], i) => {
    shape[i] = pose.rotations.get(joint)?.[axis] ?? 0
  })
  fingerNames.forEach((finger, i) => {
    shape[angles.length + i] = Math.log(pose.scales.get(fingerJoints[finger][1] as number)?.length ?? 1)
  })
  return shape
}

/** The pose of a shape, for the renderer. Thickness follows length only as far as that is common to all fingers. */
export function poseOf(shape: ArrayLike<number>): Pose {
  const rotations = new Map<number, JointRotation>()
  angles.forEach(([joint, axis], i) => {
    const known = rotations.get(joint) ?? { flex: 0, spread: 0, twist: 0 }
    rotations.set(joint, { ...known, [axis]: shape[i] as number })
  })
  const scales = new Map<number, BoneScale>()
  fingerNames.forEach((finger, i) => {
    const length = Math.exp(shape[angles.length + i] as number)
    for (const joint of fingerJoints[finger].slice(1)) scales.set(joint, { length, thickness: 1 })
  })
  return { rotations, scales }
}

/** Shape of a gesture as it is meant, with the bones of the scanned hand. */
export function gestureShape(name: GestureName): Float64Array {
  return shapeOf({ rotations: gestureRotations(gestures[name]), scales: new Map() })
}

/** The 21 landmarks of a shape in the rig's frame, metres. */
export function shapeLandmarks(side: Handedness, shape: ArrayLike<number>): Point[] {
  const world = poseJoints(loadRig(side), poseOf(shape))
  return landmarkJoints.map((joint) => {
    const matrix = world[joint] as Affine
    return [matrix[3] as number, matrix[7] as number, matrix[11] as number] as const
  })
}

/** What valid poses have in common, each number by itself. */
export interface ShapeNorms {
  readonly low: Float64Array
  readonly high: Float64Array
  readonly mean: Float64Array
  readonly deviation: Float64Array
}

const posesPerGesture = 40
let known: ShapeNorms | undefined

/** Limits, mean and standard deviation of the shapes that the renderer draws as sound hands, over all gestures alike. */
export function shapeNorms(): ShapeNorms {
  known ??= learnNorms()
  return known
}

function learnNorms(): ShapeNorms {
  const shapes = gestureNames.flatMap((name) => {
    const gesture: Gesture = gestures[name]
    return Array.from({ length: posesPerGesture }, (_, seed) => shapeOf(samplePose(seed, 'norms', gesture)))
  })
  const columns = Array.from({ length: shapeLength }, (_, i) => shapes.map((shape) => shape[i] as number))
  const mean = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / column.length)
  return {
    low: Float64Array.from(columns, (column) => Math.min(...column)),
    high: Float64Array.from(columns, (column) => Math.max(...column)),
    mean: Float64Array.from(mean),
    deviation: Float64Array.from(columns, (column, i) =>
      Math.sqrt(column.reduce((sum, value) => sum + (value - mean[i]!) ** 2, 0) / column.length),
    ),
  }
}

/** The gesture whose shape is nearest in its angles, measured in standard deviations. */
export function nearestGesture(shape: ArrayLike<number>): GestureName {
  const { deviation } = shapeNorms()
  const distance = (name: GestureName): number =>
    gestureShape(name)
      .subarray(0, angles.length)
      .reduce((sum, value, i) => sum + ((value - (shape[i] as number)) / deviation[i]!) ** 2, 0)
  return gestureNames.reduce((best, name) => (distance(name) < distance(best) ? name : best))
}
