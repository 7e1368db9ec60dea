import { type Crop, cropAround, fromCrop } from './crop.ts'
import type { Box, Landmark } from './hand.ts'
import { type HandModels, type LandmarkAnswer, landmarkSide } from './hand-models.ts'
import { type Pyramid, readCrop } from './pyramid.ts'

/** Landmarks of a hand in the picture, and what the model says of them. */
export interface FoundLandmarks {
  readonly points: readonly Landmark[]
  readonly presence: number
  /** Probability that this is a right hand. */
  readonly right: number
}

/** A hand that was found is looked at again in its own crop, until it stands upright in it. */
const passes = 2
/** Of the square about the palm that the model was trained on, and how far it lies towards the fingers. */
const [palmScale, palmShift] = [2, 0.1]
const boxScale = 1.4
/** Wrist and the joints of the palm: fingers move too much to frame a hand by. */
const palm = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
/** The model knows hands that point up, more or less: the first look turns until it sees one. */
const turns = [0, Math.PI / 2, -Math.PI / 2, Math.PI]
const plain = 0.9

/** Landmarks of the hand in a box, or null when the model did not answer with numbers. */
export async function findLandmarks(pyramid: Pyramid, box: Box, models: HandModels): Promise<FoundLandmarks | null> {
  let best: FoundLandmarks | null = null
  for (const angle of turns) {
    const found = await look(pyramid, { ...cropAround(box, boxScale), angle }, models)
    if (found !== null && found.presence > (best?.presence ?? -1)) best = found
    if (best !== null && best.presence > plain) break
  }
  for (let pass = 0; best !== null && pass < passes; pass++) {
    const again = await look(pyramid, cropOfPalm(best.points), models)
    // A second look that sees less was led astray by the first.
    if (again === null || again.presence < Math.min(plain, best.presence)) break
    best = again
  }
  return best
}

async function look(pyramid: Pyramid, crop: Crop, models: HandModels): Promise<FoundLandmarks | null> {
  const answer = await models.landmarks(readCrop(pyramid, crop, landmarkSide))
  const { points, presence, handedness } = answer
  if (![presence, handedness, ...points].every(Number.isFinite)) return null
  return { points: placePoints(answer, crop), presence, right: handedness }
}

function placePoints({ points }: LandmarkAnswer, crop: Crop): Landmark[] {
  return Array.from({ length: points.length / 3 }, (_, i) => {
    const [column, row, depth] = points.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number]
    const [x, y] = fromCrop(crop, column / landmarkSide, row / landmarkSide)
    return { x, y, z: (depth * crop.side) / landmarkSide }
  })
}

/** The square in which the hand points up, from its wrist to the knuckle of its middle finger. */
function cropOfPalm(points: readonly Landmark[]): Crop {
  const [wrist, knuckle] = [points[0] as Landmark, points[9] as Landmark]
  const angle = Math.atan2(knuckle.x - wrist.x, wrist.y - knuckle.y)
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
  const across = palm.map((i) => cosine * points[i]!.x + sine * points[i]!.y)
  const along = palm.map((i) => cosine * points[i]!.y - sine * points[i]!.x)
  const [left, right, top, bottom] = [Math.min(...across), Math.max(...across), Math.min(...along), Math.max(...along)]
  const side = Math.max(right - left, bottom - top, 1)
  const [x, y] = [(left + right) / 2, (top + bottom) / 2 - palmShift * (bottom - top)]
  return { centreX: cosine * x - sine * y, centreY: sine * x + cosine * y, side: palmScale * side, angle }
}
