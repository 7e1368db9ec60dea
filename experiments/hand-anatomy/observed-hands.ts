import { findHands, type Landmark } from 'phalanx'
import { type Defect, extraFingerPlaces } from '../../src/render/defects.ts'
import type { GestureName } from '../../src/render/gestures.ts'
import { renderHand } from '../../src/render/hand-render.ts'
import { fingerJoints, fingerNames } from '../../src/render/rig.ts'
import { type HandScene, sampleScene } from '../../src/render/scene.ts'
import { RandomStream } from '../../src/util/random.ts'

/** What is wrong with a rendered hand. */
export const anatomyDefects = [
  'one finger missing',
  'two fingers missing',
  'sixth finger',
  'finger bent back',
  'finger bent sideways',
  'finger too long',
  'finger too short',
] as const
export type AnatomyDefect = (typeof anatomyDefects)[number]

/**
 * Landmarks that the model finds in a rendered hand; null where it sees no hand. Learning and validation draw seeds of
 * their own.
 *
 * @param defect null for a sound hand
 */
export async function observeHand(
  seed: number,
  defect: AnatomyDefect | null,
  gestures: readonly GestureName[],
): Promise<readonly Landmark[] | null> {
  const random = new RandomStream('hand-anatomy', seed)
  const gesture = random.pick(gestures)
  const scene = malformed(sampleScene(random.uint32(), { gesture, ...drawnDefect(defect, random) }), defect, random)
  const size = 256
  const { rgb, keypoints } = renderHand(scene, { width: size, height: size })
  const [xs, ys] = [keypoints.map(({ x }) => x), keypoints.map(({ y }) => y)]
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  const box = { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top }
  const { hands } = await findHands({ pixels: rgb, width: size, height: size }, { boxes: [box] })
  return hands[0]?.landmarks ?? null
}

const longFingers = fingerNames.filter((name) => name !== 'thumb')

/** The defects that the renderer knows. */
function drawnDefect(defect: AnatomyDefect | null, random: RandomStream): { readonly defect?: Defect } {
  if (defect === 'sixth finger') return { defect: { kind: 'extra', place: random.pick(extraFingerPlaces) } }
  const missing = random.shuffle(longFingers)
  if (defect === 'one finger missing') return { defect: { kind: 'missing', fingers: missing.slice(0, 1) } }
  if (defect === 'two fingers missing') return { defect: { kind: 'missing', fingers: missing.slice(0, 2) } }
  return {}
}

/** The others are poses and bones that no hand has. */
function malformed(scene: HandScene, defect: AnatomyDefect | null, random: RandomStream): HandScene {
  const joints = fingerJoints[random.pick(longFingers)]
  const middle = joints[2] as number
  const rotations = new Map(scene.pose.rotations)
  const scales = new Map(scene.pose.scales)
  const rotation = rotations.get(middle) ?? { flex: 0, spread: 0, twist: 0 }
  if (defect === 'finger bent back') rotations.set(middle, { ...rotation, flex: -random.uniform(40, 70) })
  if (defect === 'finger bent sideways') {
    rotations.set(middle, { ...rotation, spread: (random.chance(0.5) ? 1 : -1) * random.uniform(35, 60) })
  }
  const stretch = defect === 'finger too long' ? random.uniform(1.5, 1.8) : random.uniform(0.5, 0.65)
  if (defect === 'finger too long' || defect === 'finger too short') {
    for (const joint of joints.slice(1)) scales.set(joint, { length: stretch, thickness: 1 })
  }
  return { ...scene, pose: { rotations, scales } }
}
