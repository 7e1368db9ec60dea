import type { Handedness } from '../render/rig.ts'

/** A rectangle of a picture in pixels; it may reach beyond the picture's edge. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** A landmark in the picture. */
export interface Landmark {
  /** Pixels from the picture's left and upper edge. */
  readonly x: number
  readonly y: number
  /** Pixels behind the wrist, negative in front of it: a guess from one picture. */
  readonly z: number
}

/** A hand in a picture. */
export interface Hand {
  readonly box: Box
  /** Score of the detector, 0 to 1; null in a box that was given. */
  readonly confidence: number | null
  /** Probability that a hand is there, as the landmark model judges. */
  readonly presence: number
  readonly side: Handedness
  /** Probability that `side` is right, as the landmark model judges; at least 0.5. */
  readonly sideConfidence: number
  /** 21 points in MediaPipe's order: the wrist, then four from the knuckle to the tip of each finger, thumb first. */
  readonly landmarks: readonly Landmark[]
}

/** A place where a hand was expected and has no landmarks. */
export interface DoubtfulHand {
  readonly box: Box
  /** Score of the detector, 0 to 1; null in a box that was given. */
  readonly confidence: number | null
  /** Probability that a hand is there, as the landmark model judges; null when it did not answer with numbers. */
  readonly presence: number | null
  readonly reason: 'no-hand-seen' | 'model-not-finite'
}

/** What was found in a picture of this size in pixels. */
export interface FoundHands {
  readonly width: number
  readonly height: number
  /** The most certain first; in given boxes, in their order. */
  readonly hands: readonly Hand[]
  /** Boxes without a hand that the landmark model sees. Nothing need be there; malformed hands are among them. */
  readonly doubtful: readonly DoubtfulHand[]
}
