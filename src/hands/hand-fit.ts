import type { GestureName } from '../render/gestures.ts'
import type { Affine } from '../render/matrix.ts'
import type { Handedness } from '../render/rig.ts'
import type { Pose } from '../render/skeleton.ts'

/** A posed rig in a picture, under weak perspective: metres times `scale` are pixels. */
export interface PlacedHand {
  readonly side: Handedness
  /** For `poseHand` and `poseJoints` of the renderer. */
  readonly pose: Pose
  /** Turns the rig's frame into the camera's: x to the right, y up, z towards the viewer. No translation. */
  readonly rotation: Affine
  /** Pixels per metre. */
  readonly scale: number
  /** The wrist in pixels. */
  readonly x: number
  readonly y: number
  /** The gesture of the renderer that the pose is nearest to. */
  readonly gesture: GestureName
}

/** One way to explain the landmarks of a hand. */
export interface HandHypothesis extends PlacedHand {
  /** Root mean square distance to the landmarks in the picture, in shares of the hand's size. */
  readonly residual: number
  /** Its posterior probability among all ways that were tried, 0 to 1. */
  readonly share: number
}

/** The rig where a hand is. */
export type HandFit =
  | (HandHypothesis & {
      readonly kind: 'fitted'
      /** Other ways that differ and have more than one chance in a hundred, the likeliest first. */
      readonly alternatives: readonly HandHypothesis[]
    })
  | (PlacedHand & {
      readonly kind: 'template'
      /** Why: there are no landmarks, or nothing comes near enough to them. */
      readonly reason: 'no-landmarks' | 'nothing-fits'
      /** Of the nearest way; null without landmarks. */
      readonly residual: number | null
    })
