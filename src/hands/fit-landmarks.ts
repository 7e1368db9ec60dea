import { type GestureName, gestureNames } from '../render/gestures.ts'
import { type Affine, multiply, rotationXYZ } from '../render/matrix.ts'
import type { Handedness } from '../render/rig.ts'
import type { Hand, Landmark } from './hand.ts'
import type { HandHypothesis } from './hand-fit.ts'
import {
  angleCount,
  gestureShape,
  nearestGesture,
  poseOf,
  type ShapeNorms,
  shapeLandmarks,
  shapeLength,
  shapeNorms,
} from './hand-shape.ts'
import { minimise } from './least-squares.ts'
import { align, type Point, rotate } from './orientation.ts'
import { type OutlineDistance, outlineDistance, type Silhouette } from './silhouette.ts'

/**
 * Errors of the landmark model in shares of the hand's size: along x and y, and in depth. Measured were 0.03 and 0.16
 * (experiments/hand-fit); with 0.15 joints come out alike, but straight fingers as half bent.
 */
const [pictureError, depthError] = [0.03, 0.1]
/** Beyond the joint limits a degree or a hundredth of a length weighs as much as this many standard deviations. */
const limitWeight = 0.2
/** How far from the gesture of its prompt a joint commonly is, degrees. */
const gestureSpread = 15
/** How far outlines of a right pose are apart, in shares of the hand's size, and how many landmarks they count as. */
const [outlineError, outlineWeight] = [0.01, 40]
/** Gestures tried from each side and depth, and how many of all starts are followed to their end. */
const [gesturesTried, startsFollowed] = [2, 3]
const [roughIterations, fineIterations] = [4, 30]
/** Errors of one finger's landmarks go together, so that 63 numbers tell ways apart as the 15 of five fingers would. */
const independent = 15 / 63
/** Hypotheses whose points differ by less, in shares of the hand's size, are one. */
const sameHypothesis = 0.05

/** Landmarks from the wrist, in shares of the hand's size: x to the right, y up, z towards the viewer. */
interface Target {
  readonly points: readonly Point[]
  readonly size: number
  /** In the picture. */
  readonly wrist: Landmark
}

/** A start and how far it came: the shape, turns about three axes, and the place. */
interface Search {
  readonly side: Handedness
  /** What the turns are taken from, so that they stay small. */
  readonly base: Affine
  readonly parameters: Float64Array
  readonly cost: number
}

/** All ways to explain the landmarks that were followed, the likeliest first. */
export function hypothesesOf(hand: Hand, gesture: GestureName | null, silhouette: Silhouette | null): HandHypothesis[] {
  const target = targetOf(hand)
  if (target === null) return []
  const norms = shapeNorms()
  const sideCost = (side: Handedness): number =>
    -Math.log(Math.max(1e-6, side === hand.side ? hand.sideConfidence : 1 - hand.sideConfidence))
  const outline = silhouette && outlineDistance(silhouette, hand.landmarks, target.size)
  const follow = (search: Search, iterations: number, outline: OutlineDistance | null): Search => {
    const residuals = withOutline(
      residualsOf(search.side, search.base, target, norms, gesture),
      search,
      target,
      outline,
    )
    const { parameters, cost } = minimise(residuals, search.parameters, differenceSteps, iterations)
    return { ...search, parameters, cost: cost + sideCost(search.side) }
  }
  const begun = startsOf(target, gesture).map((start) => follow(start, roughIterations, null))
  const likeliest = begun.sort((a, b) => a.cost - b.cost).slice(0, startsFollowed)
  const ended = likeliest.map((search) => follow(search, fineIterations, outline)).sort((a, b) => a.cost - b.cost)
  return shared(distinct(ended, target), target, hand)
}

function targetOf({ landmarks }: Hand): Target | null {
  const [xs, ys] = [landmarks.map(({ x }) => x), landmarks.map(({ y }) => y)]
  const size = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys))
  const wrist = landmarks[0]
  if (wrist === undefined || landmarks.length !== 21 || !(size > 0 && size < Infinity)) return null
  const points = landmarks.map(
    ({ x, y, z }): Point => [(x - wrist.x) / size, (wrist.y - y) / size, (wrist.z - z) / size],
  )
  return points.flat().every(Number.isFinite) ? { points, size, wrist } : null
}

/** Each side, with the depth as it is and turned over, in the gestures that come nearest when only turned and scaled. */
function startsOf(target: Target, gesture: GestureName | null): Search[] {
  return (['left', 'right'] as const).flatMap((side) =>
    [1, -1].flatMap((flip) => {
      const seen = target.points.map(([x, y, z]): Point => [x, y, flip * z])
      const starts = (gesture === null ? gestureNames : [gesture]).map((name) => start(side, gestureShape(name), seen))
      return starts.sort((a, b) => a.cost - b.cost).slice(0, gesturesTried)
    }),
  )
}

function start(side: Handedness, shape: Float64Array, seen: readonly Point[]): Search {
  const points = shapeLandmarks(side, shape)
  const { rotation: base, scale } = align(points, seen)
  const parameters = new Float64Array(shapeLength + 6)
  parameters.set(shape)
  parameters[shapeLength + 3] = Math.log(Math.max(scale, 1e-3))
  const placed = points.map((point) => rotate(base, point).map((value) => value * scale))
  const cost = placed.reduce(
    (sum, point, i) => sum + point.reduce((all, value, axis) => all + (value - seen[i]![axis]!) ** 2, 0),
    0,
  )
  return { side, base, parameters, cost }
}

/** Degrees, logarithms and shares of the hand's size. */
const differenceSteps = Float64Array.from({ length: shapeLength + 6 }, (_, i) =>
  i < angleCount || (i >= shapeLength && i < shapeLength + 3) ? 1e-2 : 1e-4,
)

function residualsOf(
  side: Handedness,
  base: Affine,
  target: Target,
  norms: ShapeNorms,
  gesture: GestureName | null,
): (parameters: Float64Array) => Float64Array {
  const wanted = gesture === null ? null : gestureShape(gesture)
  return (parameters) => {
    const out = new Float64Array(63 + 2 * shapeLength + (wanted === null ? 0 : angleCount))
    placedPoints(side, base, parameters).forEach(([x, y, z], i) => {
      const [wantedX, wantedY, wantedZ] = target.points[i] as Point
      out[3 * i] = (x - wantedX) / pictureError
      out[3 * i + 1] = (y - wantedY) / pictureError
      out[3 * i + 2] = (z - wantedZ) / depthError
    })
    for (let i = 0; i < shapeLength; i++) {
      const value = parameters[i] as number
      const beyond = Math.max(0, value - norms.high[i]!, norms.low[i]! - value)
      out[63 + i] = (value - norms.mean[i]!) / norms.deviation[i]!
      out[63 + shapeLength + i] = beyond * limitWeight * (i < angleCount ? 1 : 100)
      if (wanted !== null && i < angleCount) out[63 + 2 * shapeLength + i] = (value - wanted[i]!) / gestureSpread
    }
    return out
  }
}

/** Adds how far the outline is from the silhouette, which counts as much as `outlineWeight` landmarks, whatever its length. */
function withOutline(
  residuals: (parameters: Float64Array) => Float64Array,
  { side, base }: Search,
  { size, wrist }: Target,
  outline: OutlineDistance | null,
): (parameters: Float64Array) => Float64Array {
  if (outline === null) return residuals
  const weight = Math.sqrt(outlineWeight / outline.count) / (outlineError * size)
  return (parameters) => {
    const place = placing(base, parameters)
    const distances = outline.measure(side, parameters, (point) => {
      const [x, y] = place(point)
      return [wrist.x + x * size, wrist.y - y * size]
    })
    return Float64Array.from([...residuals(parameters), ...distances.map((distance) => distance * weight)])
  }
}

/** Landmarks of the rig as the parameters place it, in the target's frame. */
function placedPoints(side: Handedness, base: Affine, parameters: Float64Array): Point[] {
  return shapeLandmarks(side, parameters).map(placing(base, parameters))
}

/** Carries a point of the rig into the target's frame. */
function placing(base: Affine, parameters: Float64Array): (point: Point) => Point {
  const rotation = rotationOf(base, parameters)
  const [logScale, x, y] = parameters.subarray(shapeLength + 3) as unknown as [number, number, number]
  const scale = Math.exp(logScale)
  return (point) => {
    const [a, b, c] = rotate(rotation, point)
    return [a * scale + x, b * scale + y, c * scale]
  }
}

function rotationOf(base: Affine, parameters: Float64Array): Affine {
  const [pitch, yaw, roll] = parameters.subarray(shapeLength) as unknown as [number, number, number]
  return multiply(rotationXYZ(pitch, yaw, roll), base)
}

/** Without those that came to the same place as a likelier one. */
function distinct(searches: readonly Search[], target: Target): Search[] {
  const kept: { readonly search: Search; readonly points: readonly Point[] }[] = []
  for (const search of searches) {
    const points = placedPoints(search.side, search.base, search.parameters)
    const isKnown = kept.some(
      (other) => other.search.side === search.side && rootMeanSquare(other.points, points, 3) < sameHypothesis,
    )
    if (!isKnown && points.length === target.points.length) kept.push({ search, points })
  }
  return kept.map(({ search }) => search)
}

function shared(searches: readonly Search[], target: Target, { landmarks }: Hand): HandHypothesis[] {
  const least = searches[0]?.cost ?? 0
  const weights = searches.map(({ cost }) => Math.exp((least - cost) * independent))
  const sum = weights.reduce((all, weight) => all + weight, 0)
  const wrist = landmarks[0]!
  return searches.map(({ side, base, parameters }, i) => {
    const [logScale, x, y] = parameters.subarray(shapeLength + 3) as unknown as [number, number, number]
    return {
      side,
      gesture: nearestGesture(parameters),
      pose: poseOf(parameters),
      rotation: rotationOf(base, parameters),
      scale: Math.exp(logScale) * target.size,
      x: wrist.x + x * target.size,
      y: wrist.y - y * target.size,
      residual: rootMeanSquare(placedPoints(side, base, parameters), target.points, 2),
      share: weights[i]! / sum,
    }
  })
}

/** Root mean square distance of points, over the first axes. */
function rootMeanSquare(a: readonly Point[], b: readonly Point[], axes: 2 | 3): number {
  const sum = a.reduce(
    (all, point, i) => all + point.slice(0, axes).reduce((one, value, axis) => one + (value - b[i]![axis]!) ** 2, 0),
    0,
  )
  return Math.sqrt(sum / a.length)
}
