import { RandomStream } from '../util/random.ts'
import type { Background } from './background.ts'
import { handCaption } from './caption.ts'
import { type Defect, extendedFingers, noDefect } from './defects.ts'
import type { DrawingStyle } from './drawing.ts'
import { type Gesture, type GestureName, gestureNames, gestureRotations, gestures } from './gestures.ts'
import {
  backgroundColourNames,
  backgroundColours,
  type Colour,
  mixColours,
  type SkinTone,
  skinToneNames,
  skinTones,
} from './palette.ts'
import { fingerJoints, fingerNames, type Handedness } from './rig.ts'
import type { Light, Sleeve } from './shading.ts'
import type { BoneScale, JointRotation, Pose } from './skeleton.ts'

export type RenderStyle = 'photo' | 'drawing'
export type HandSide = 'palm' | 'back'

/** Everything that one picture of one hand is made from; frozen, and enough to draw it again bit by bit. */
export interface HandScene {
  readonly seed: number
  readonly gesture: GestureName
  readonly handedness: Handedness
  readonly side: HandSide
  readonly style: RenderStyle
  readonly drawing: DrawingStyle
  readonly pose: Pose
  /** Pitch, yaw, roll of the hand in degrees. */
  readonly view: readonly [number, number, number]
  /** Share of the picture that the hand fills, and where its centre lies (0.5, 0.5 is the middle). */
  readonly framing: { readonly fill: number; readonly x: number; readonly y: number }
  readonly skin: HandSkin
  readonly background: Background
  readonly light: Light
  readonly defect: Defect
  /** Extended fingers in the picture, the defect included. */
  readonly fingers: number
  readonly caption: string
}

/** Tone by name, its exact colour, and a sleeve over the forearm. */
export interface HandSkin {
  readonly tone: SkinTone
  readonly colour: Colour
  readonly sleeve: Sleeve | null
}

/** What a caller wants fixed; everything else is drawn from the seed. */
export interface SceneOptions {
  readonly gesture?: GestureName
  readonly handedness?: Handedness
  readonly side?: HandSide
  readonly style?: RenderStyle
  readonly tone?: SkinTone
  readonly background?: Background
  readonly defect?: Defect
}

/** A random but reproducible scene: the same seed and options give the same scene on every machine. */
export function sampleScene(seed: number, options: SceneOptions = {}): HandScene {
  const choice = new RandomStream('scene', seed, 'choice')
  const gestureName = options.gesture ?? choice.pick(gestureNames)
  const gesture: Gesture = gestures[gestureName]
  const style = options.style ?? (choice.chance(0.2) ? 'drawing' : 'photo')
  const handedness = options.handedness ?? (choice.chance(0.5) ? 'right' : 'left')
  const side = options.side ?? (choice.chance(gesture.backShare) ? 'back' : 'palm')
  const skin = sampleSkin(seed, options.tone, 0.25)
  const background = options.background ?? sampleBackground(seed, style, skin.tone)
  const defect = options.defect ?? noDefect
  const fingers = extendedFingers(gesture, defect)
  return Object.freeze({
    seed,
    gesture: gestureName,
    handedness,
    side,
    style,
    drawing: sampleDrawing(seed),
    pose: samplePose(seed, 'hand', gesture),
    view: sampleView(seed, gesture, handedness, side),
    framing: sampleFraming(seed),
    skin,
    background,
    light: sampleLight(seed),
    defect,
    fingers,
    caption: handCaption(seed, { gesture, style, side, tone: skin.tone, background: background.colour }),
  })
}

/** A gesture with joint jitter and the bone lengths of one person. */
export function samplePose(seed: number, who: string, gesture: Gesture): Pose {
  const random = new RandomStream('scene', seed, 'pose', who)
  const rotations = new Map<number, JointRotation>()
  for (const [joint, { flex, spread, twist }] of gestureRotations(gesture)) {
    rotations.set(joint, {
      flex: flex + 3.5 * clampedNormal(random),
      spread: spread + 1.8 * clampedNormal(random),
      twist: twist + 2 * clampedNormal(random),
    })
  }
  rotations.set(0, { flex: 7 * clampedNormal(random), spread: 7 * clampedNormal(random), twist: 0 })
  return { rotations, scales: sampleScales(random) }
}

function sampleScales(random: RandomStream): Map<number, BoneScale> {
  const scales = new Map<number, BoneScale>()
  const length = 1 + 0.05 * clampedNormal(random)
  const thickness = 0.97 + 0.07 * clampedNormal(random)
  for (const finger of fingerNames) {
    const fingerLength = length * (1 + 0.025 * clampedNormal(random))
    for (const joint of fingerJoints[finger].slice(1)) scales.set(joint, { length: fingerLength, thickness })
  }
  return scales
}

function sampleView(
  seed: number,
  gesture: Gesture,
  handedness: Handedness,
  side: HandSide,
): readonly [number, number, number] {
  const random = new RandomStream('scene', seed, 'view')
  const mirror = handedness === 'right' ? 1 : -1
  const [pitch, yaw, roll] = gesture.view
  const sway = gesture.sway.map((range) => range * random.uniform(-1, 1)) as [number, number, number]
  const turned = side === 'back' ? 180 : 0
  const flip = side === 'back' ? -1 : 1
  return [pitch + sway[0], turned + mirror * flip * yaw + sway[1], mirror * flip * roll + sway[2]]
}

function sampleFraming(seed: number): HandScene['framing'] {
  const random = new RandomStream('scene', seed, 'framing')
  return {
    fill: random.uniform(0.74, 0.93),
    x: 0.5 + random.uniform(-0.04, 0.04),
    y: 0.5 + random.uniform(-0.03, 0.05),
  }
}

export function sampleSkin(seed: number | string, tone: SkinTone | undefined, sleeveShare: number): HandSkin {
  const random = new RandomStream('scene', seed, 'skin')
  const name = tone ?? random.pick(skinToneNames)
  const [r, g, b] = skinTones[name]
  const bright = random.uniform(0.93, 1.06)
  const colour = [r * bright, g * bright * random.uniform(0.97, 1.03), b * bright * random.uniform(0.95, 1.05)] as const
  const cloth = mixColours(backgroundColours[random.pick(backgroundColourNames)], [0.3, 0.3, 0.35], 0.35)
  const sleeve = random.chance(sleeveShare) ? { colour: cloth, start: random.uniform(0.03, 0.07) } : null
  return { tone: name, colour, sleeve }
}

/** A background whose colour does not swallow the skin. */
export function sampleBackground(seed: number, style: RenderStyle, tone: SkinTone): Background {
  const random = new RandomStream('scene', seed, 'background')
  const kind = style === 'drawing' ? 'paper' : random.pick(['plain', 'plain', 'gradient', 'blurred'] as const)
  const skin = skinTones[tone]
  const distinct = backgroundColourNames.filter((name) => {
    const [r, g, b] = backgroundColours[name]
    return Math.hypot(r - skin[0], g - skin[1], b - skin[2]) > 0.3
  })
  const colour = style === 'drawing' && random.chance(0.6) ? 'white' : random.pick(distinct)
  return { kind, colour, seed: random.uint32() }
}

export function sampleLight(seed: number): Light {
  const random = new RandomStream('scene', seed, 'light')
  const side = random.uniform(-0.75, 0.75)
  const up = random.uniform(0.1, 0.85)
  const front = random.uniform(0.55, 1)
  const length = Math.hypot(side, up, front)
  return {
    direction: [side / length, up / length, front / length],
    ambient: random.uniform(0.22, 0.42),
    warmth: random.uniform(-1, 1),
  }
}

export function sampleDrawing(seed: number): DrawingStyle {
  const random = new RandomStream('scene', seed, 'drawing')
  return { tones: random.chance(0.5) ? 3 : 2, line: random.chance(0.7) ? 2 : 1, fill: random.chance(0.8) ? 1 : 0.25 }
}

function clampedNormal(random: RandomStream): number {
  return Math.max(-2, Math.min(2, random.normal()))
}
