import { type FingerName, fingerJoints, fingerNames } from './rig.ts'
import type { JointRotation } from './skeleton.ts'

/** Flexion of a finger's three joints from the palm outwards and its sideways spread, degrees. */
export interface FingerPose {
  readonly flex: readonly [number, number, number]
  readonly spread: number
}

/** Thumb: rotation of its metacarpal (flex, spread, twist) and flexion of its two outer joints, degrees. */
export interface ThumbPose {
  readonly base: readonly [number, number, number]
  readonly flex: readonly [number, number]
}

/** How one gesture is held, seen and said. Angles of the view are for a right hand and mirrored for a left one. */
export interface Gesture {
  /** Words after "a photo of". */
  readonly phrases: readonly string[]
  /** Fingers that count as extended. */
  readonly extended: number
  readonly thumb: ThumbPose
  readonly fingers: Readonly<Record<Exclude<FingerName, 'thumb'>, FingerPose>>
  /** Middle of the view: pitch, yaw, roll in degrees; yaw 180 shows the back of the hand. */
  readonly view: readonly [number, number, number]
  /** Half ranges of the view. */
  readonly sway: readonly [number, number, number]
  /** Share of scenes that show the back of the hand instead. */
  readonly backShare: number
}

const straight = (spread = 0): FingerPose => ({ flex: [0, 3, 2], spread })
const curled: FingerPose = { flex: [78, 95, 60], spread: 0 }
const thumbOut: ThumbPose = { base: [-12, 18, 0], flex: [-8, -12] }
const thumbAcross: ThumbPose = { base: [30, -20, 30], flex: [40, 60] }

/** All gestures the renderer knows. */
export const gestures = {
  'open-palm': {
    phrases: ['an open palm with five fingers spread', 'an open hand with five fingers spread'],
    extended: 5,
    thumb: thumbOut,
    fingers: { index: straight(9), middle: straight(1), ring: straight(-8), pinky: straight(-16) },
    view: [0, 0, 0],
    sway: [16, 24, 22],
    backShare: 0.15,
  },
  fist: {
    phrases: ['a fist', 'a closed fist'],
    extended: 0,
    thumb: thumbAcross,
    fingers: { index: curled, middle: curled, ring: curled, pinky: curled },
    view: [0, 0, 0],
    sway: [14, 25, 18],
    backShare: 0,
  },
  victory: {
    phrases: ['a peace sign', 'a hand making a victory sign'],
    extended: 2,
    thumb: thumbAcross,
    fingers: { index: straight(12), middle: straight(-9), ring: curled, pinky: curled },
    view: [0, 0, 0],
    sway: [14, 22, 16],
    backShare: 0.1,
  },
  'thumbs-up': {
    phrases: ['a hand giving a thumbs up', 'a thumbs up'],
    extended: 1,
    thumb: { base: [-20, 15, 0], flex: [-8, -12] },
    fingers: { index: curled, middle: curled, ring: curled, pinky: curled },
    view: [0, 25, 80],
    sway: [14, 16, 14],
    backShare: 0,
  },
  pointing: {
    phrases: ['a hand pointing up with one finger', 'a pointing hand'],
    extended: 1,
    thumb: thumbAcross,
    fingers: { index: straight(0), middle: curled, ring: curled, pinky: curled },
    view: [0, 0, 0],
    sway: [14, 25, 18],
    backShare: 0.15,
  },
  ok: {
    phrases: ['a hand making an ok sign', 'an ok sign'],
    extended: 3,
    thumb: { base: [28, -6, 20], flex: [22, 30] },
    fingers: {
      index: { flex: [48, 58, 30], spread: 0 },
      middle: { flex: [12, 8, 4], spread: 2 },
      ring: { flex: [2, 4, 2], spread: -8 },
      pinky: { flex: [-4, 2, 2], spread: -16 },
    },
    view: [0, -40, 0],
    sway: [10, 15, 14],
    backShare: 0,
  },
  'three-fingers': {
    phrases: ['a hand holding up three fingers', 'three fingers raised'],
    extended: 3,
    thumb: thumbAcross,
    fingers: { index: straight(11), middle: straight(1), ring: straight(-9), pinky: curled },
    view: [0, 0, 0],
    sway: [14, 20, 16],
    backShare: 0.1,
  },
  'four-fingers': {
    phrases: ['a hand holding up four fingers', 'four fingers raised'],
    extended: 4,
    thumb: thumbAcross,
    fingers: { index: straight(9), middle: straight(1), ring: straight(-7), pinky: straight(-15) },
    view: [0, 0, 0],
    sway: [14, 20, 16],
    backShare: 0.1,
  },
  horns: {
    phrases: ['a hand making a rock sign', 'a rock sign'],
    extended: 2,
    thumb: thumbAcross,
    fingers: { index: straight(6), middle: curled, ring: curled, pinky: straight(-12) },
    view: [0, 0, 0],
    sway: [14, 20, 16],
    backShare: 0.2,
  },
  'call-me': {
    phrases: ['a hand making a call me sign', 'a call me sign'],
    extended: 2,
    thumb: { base: [-22, 22, 0], flex: [-10, -14] },
    fingers: { index: curled, middle: curled, ring: curled, pinky: straight(-20) },
    view: [0, 0, 20],
    sway: [14, 20, 30],
    backShare: 0.3,
  },
  relaxed: {
    phrases: ['a relaxed hand', 'a hand with relaxed fingers'],
    extended: 5,
    thumb: { base: [4, 4, 5], flex: [8, 10] },
    fingers: {
      index: { flex: [16, 24, 14], spread: 2 },
      middle: { flex: [22, 28, 16], spread: 0 },
      ring: { flex: [26, 32, 18], spread: -3 },
      pinky: { flex: [28, 34, 18], spread: -7 },
    },
    view: [0, -20, 10],
    sway: [16, 30, 30],
    backShare: 0.3,
  },
} as const satisfies Readonly<Record<string, Gesture>>

export type GestureName = keyof typeof gestures
export const gestureNames = Object.keys(gestures) as GestureName[]

/** Joint rotations of a gesture. Finger metacarpals and tips stay in the bind pose. */
export function gestureRotations(gesture: Gesture): Map<number, JointRotation> {
  const rotations = new Map<number, JointRotation>()
  const set = (joint: number | undefined, flex: number, spread = 0, twist = 0) => {
    if (joint !== undefined) rotations.set(joint, { flex, spread, twist })
  }
  for (const name of fingerNames) {
    const joints = fingerJoints[name]
    if (name === 'thumb') {
      const { base, flex } = gesture.thumb
      set(joints[0], base[0], base[1], base[2])
      set(joints[1], flex[0])
      set(joints[2], flex[1])
    } else {
      const { flex, spread } = gesture.fingers[name]
      set(joints[1], flex[0], spread)
      set(joints[2], flex[1])
      set(joints[3], flex[2])
    }
  }
  return rotations
}
