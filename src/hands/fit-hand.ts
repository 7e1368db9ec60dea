import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { type GestureName, gestureNames } from '../render/gestures.ts'
import { type Affine, rotationXYZ } from '../render/matrix.ts'
import type { Handedness } from '../render/rig.ts'
import { hypothesesOf } from './fit-landmarks.ts'
import type { Box, DoubtfulHand, Hand } from './hand.ts'
import type { HandFit, PlacedHand } from './hand-fit.ts'
import { gestureShape, poseOf, shapeLandmarks } from './hand-shape.ts'
import { rotate } from './orientation.ts'

/** How a rigged hand is fitted. */
const fitHandSettings = z.strictObject({
  /** The gesture that the hand makes, as its prompt says; it draws the fit towards it. Null knows of none. */
  gesture: z.enum(gestureNames).nullable().default(null),
  /** Which pixels show the hand, a byte each and 0 outside; it may show the arm, and another hand. Null knows none. */
  silhouette: z
    .strictObject({
      mask: z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes'),
      width: z.int().min(8),
      height: z.int().min(8),
    })
    .refine(({ mask, width, height }) => mask.length === width * height, 'must have a byte for each pixel of its mask')
    .nullable()
    .default(null),
  /** Root mean square distance of landmarks, in shares of the hand's size, above which a template takes the fit's place. */
  worst: z.number().positive().default(0.1),
})
export type FitHandInput = z.input<typeof fitHandSettings>

/** Whatever fits a hand as {@link fitHand} does may stand in its place. */
export type FitHand = (hand: Hand | DoubtfulHand, options?: FitHandInput) => HandFit

/** Likelier than another way by this much, or it is not told. */
const leastShare = 0.01
/** Of a box, what the landmarks of a hand fill: the rest is flesh around them. */
const landmarkShare = 0.85

/**
 * Fits the rigged hand of the renderer to the landmarks of a hand: its side, pose (26 numbers: joint angles and lengths
 * of fingers), orientation, scale and place, by least squares from several starts, each side in turn, nearer and farther,
 * in the gestures that resemble it most. Joints stay within what the renderer's sound hands do. Where two ways explain
 * the landmarks alike, the likelier is given and the others beside it.
 *
 * A `silhouette` draws the outline of the hand towards it, which costs time.
 *
 * A hand without landmarks, or that nothing fits, gets a template: the given gesture, else a relaxed hand, upright in its
 * box. Throws ConfigError.
 */
export const fitHand: FitHand = (hand, options = {}) => {
  const settings = resolve(fitHandSettings, options, 'fit of a hand')
  if (!('landmarks' in hand)) {
    return {
      kind: 'template',
      reason: 'no-landmarks',
      residual: null,
      ...template(hand.box, 'right', settings.gesture),
    }
  }
  const [best, ...others] = hypothesesOf(hand, settings.gesture, settings.silhouette)
  if (best === undefined || !(best.residual <= settings.worst)) {
    const placed = template(hand.box, hand.side, settings.gesture)
    return { kind: 'template', reason: 'nothing-fits', residual: best?.residual ?? null, ...placed }
  }
  return { kind: 'fitted', ...best, alternatives: others.filter(({ share }) => share > leastShare) }
}

function template(box: Box, side: Handedness, wanted: GestureName | null): PlacedHand {
  const gesture = wanted ?? 'relaxed'
  const shape = gestureShape(gesture)
  const rotation: Affine = rotationXYZ(0, 0, 0)
  const points = shapeLandmarks(side, shape).map((point) => rotate(rotation, point))
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = landmarkShare * Math.min(box.width / (right - left), box.height / (top - bottom))
  return {
    side,
    gesture,
    pose: poseOf(shape),
    rotation,
    scale,
    x: box.left + box.width / 2 - ((left + right) / 2) * scale,
    y: box.top + box.height / 2 + ((bottom + top) / 2) * scale,
  }
}
