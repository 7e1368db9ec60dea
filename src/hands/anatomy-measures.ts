import type { Landmark } from './hand.ts'

/** What is checked of a hand's anatomy; each check has measures of its own. */
export const anatomyChecks = [
  'bone-ratios',
  'flexion',
  'sideways-bend',
  'coplanarity',
  'finger-order',
  'tip-separation',
] as const
export type AnatomyCheck = (typeof anatomyChecks)[number]

/** Measures of each check by name. None depends on the hand's size, its place, or which way it is turned. */
export type AnatomyMeasures = Readonly<Record<AnatomyCheck, Readonly<Record<string, number>>>>

type Vector = readonly [number, number, number]

const fingers = { thumb: 1, index: 5, middle: 9, ring: 13, pinky: 17 } as const
const long = ['index', 'middle', 'ring', 'pinky'] as const

/**
 * Measures of 21 landmarks in MediaPipe's order, with depth in the units of x and y.
 *
 * - `bone-ratios`: logarithm of a bone's length over the next one's, and of a finger's over the palm's
 * - `flexion`: degrees between neighbouring bones
 * - `sideways-bend`: degrees by which the middle bone of a finger leaves the plane of its first bone and the palm's normal
 * - `coplanarity`: volume that the three unit bones of a finger span; 0 when it bends in one plane
 * - `finger-order`: steps between neighbouring knuckles, along the line from the first to the last, in shares of it
 * - `tip-separation`: distance of neighbouring tips in palms
 */
export function measureAnatomy(landmarks: readonly Landmark[]): AnatomyMeasures {
  const points = landmarks.map(({ x, y, z }): Vector => [x, y, z])
  const at = (i: number): Vector => points[i] as Vector
  const palm = length(subtract(at(9), at(0)))
  const normal = cross(subtract(at(5), at(0)), subtract(at(17), at(0)))
  const across = subtract(at(17), at(5))
  const measures = {
    'bone-ratios': {} as Record<string, number>,
    flexion: {} as Record<string, number>,
    'sideways-bend': {} as Record<string, number>,
    coplanarity: {} as Record<string, number>,
    'finger-order': {} as Record<string, number>,
    'tip-separation': {} as Record<string, number>,
  }
  for (const [finger, first] of Object.entries(fingers)) {
    const bones = [0, 1, 2].map((i) => subtract(at(first + i + 1), at(first + i))) as [Vector, Vector, Vector]
    const [lower, middle, upper] = bones.map(length) as [number, number, number]
    measures['bone-ratios'][`${finger} lower to middle`] = logRatio(lower, middle)
    measures['bone-ratios'][`${finger} middle to upper`] = logRatio(middle, upper)
    measures['bone-ratios'][`${finger} to palm`] = logRatio(lower + middle + upper, palm)
    measures.flexion[`${finger} knuckle`] = angle(subtract(at(first), at(0)), bones[0])
    measures.flexion[`${finger} middle`] = angle(bones[0], bones[1])
    measures.flexion[`${finger} end`] = angle(bones[1], bones[2])
    measures.coplanarity[finger] = Math.abs(dot(unit(bones[0]), cross(unit(bones[1]), unit(bones[2]))))
    if (finger !== 'thumb') measures['sideways-bend'][finger] = 90 - angle(cross(bones[0], normal), bones[1])
  }
  for (const [i, finger] of long.slice(1).entries()) {
    const [before, here] = [at(fingers[long[i] as 'index']), at(fingers[finger])]
    measures['finger-order'][finger] = dot(subtract(here, before), across) / Math.max(dot(across, across), 1e-9)
  }
  for (const [i, finger] of long.entries()) {
    measures['tip-separation'][finger] = length(subtract(at(8 + 4 * i), at(4 + 4 * i))) / Math.max(palm, 1e-9)
  }
  return measures
}

/** Landmarks that fall together have no ratio; this far off is far from any hand. */
function logRatio(a: number, b: number): number {
  return Math.max(-9, Math.min(9, Math.log((a + 1e-9) / (b + 1e-9))))
}

function subtract([a, b, c]: Vector, [d, e, f]: Vector): Vector {
  return [a - d, b - e, c - f]
}

function dot([a, b, c]: Vector, [d, e, f]: Vector): number {
  return a * d + b * e + c * f
}

function cross([a, b, c]: Vector, [d, e, f]: Vector): Vector {
  return [b * f - c * e, c * d - a * f, a * e - b * d]
}

function length(vector: Vector): number {
  return Math.hypot(...vector)
}

function unit(vector: Vector): Vector {
  const size = length(vector) || 1
  return [vector[0] / size, vector[1] / size, vector[2] / size]
}

/** Degrees between two directions; 90 when one of them has no length. */
function angle(a: Vector, b: Vector): number {
  return (Math.acos(Math.max(-1, Math.min(1, dot(unit(a), unit(b))))) * 180) / Math.PI
}
