import type { RgbImage } from '../artefact/png.ts'
import type { FindHandsSettings } from '../config/hands.ts'
import { detectHands } from './detect.ts'
import type { Box, DoubtfulHand, FoundHands, Hand } from './hand.ts'
import type { HandModels } from './hand-models.ts'
import { findLandmarks } from './landmarks.ts'
import { buildPyramid } from './pyramid.ts'

/** Two hands whose landmarks lie this close on average, in shares of their size, are one. */
const sameHand = 0.2

/** Finds the hands of a picture with these models; what {@link findHands} does in its thread. */
export async function locateHands(
  picture: RgbImage,
  settings: FindHandsSettings,
  models: HandModels,
): Promise<FoundHands> {
  const pyramid = buildPyramid(picture)
  const hands: Hand[] = []
  const doubtful: DoubtfulHand[] = []
  const given = settings.boxes?.map((box) => ({ box, score: null }))
  for (const { box, score: confidence } of given ?? (await detectHands(pyramid, models, settings))) {
    const found = await findLandmarks(pyramid, box, models)
    if (found === null) doubtful.push({ box, confidence, presence: null, reason: 'model-not-finite' })
    else if (found.presence < settings.presence)
      doubtful.push({ box, confidence, presence: found.presence, reason: 'no-hand-seen' })
    else {
      const side = found.right > 0.5 ? 'right' : 'left'
      const { points: landmarks, presence, right } = found
      const hand: Hand = { box, confidence, presence, side, sideConfidence: Math.max(right, 1 - right), landmarks }
      // Given boxes are the caller's: each keeps its hand.
      if (given !== undefined || !hands.some((other) => isSame(other, hand))) hands.push(hand)
    }
  }
  return { width: picture.width, height: picture.height, hands, doubtful }
}

/** Boxes of one hand may hardly overlap, as of its fingers and of its wrist; their landmarks do. */
function isSame(a: Hand, b: Hand): boolean {
  const distances = a.landmarks.map(({ x, y }, i) => Math.hypot(x - b.landmarks[i]!.x, y - b.landmarks[i]!.y))
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length
  return mean < sameHand * Math.max(longerSide(a.box), longerSide(b.box))
}

function longerSide({ width, height }: Box): number {
  return Math.max(width, height)
}
