import { RandomStream } from '../util/random.ts'
import type { Background } from './background.ts'
import type { DrawingStyle } from './drawing.ts'
import type { Gesture } from './gestures.ts'
import { type Picture, paint, poseHand, type RenderSize } from './hand-render.ts'
import { type Affine, multiply, rotationXYZ, translation } from './matrix.ts'
import { loadRig } from './rig.ts'
import {
  type HandSkin,
  type RenderStyle,
  sampleBackground,
  sampleDrawing,
  sampleLight,
  samplePose,
  sampleSkin,
} from './scene.ts'
import type { Light } from './shading.ts'
import type { Pose } from './skeleton.ts'

/** Two right hands that clasp; frozen, and enough to draw the picture again bit by bit. */
export interface HandshakeScene {
  readonly seed: number
  readonly style: RenderStyle
  readonly drawing: DrawingStyle
  readonly background: Background
  readonly light: Light
  /** Pitch, yaw, roll of both hands together, degrees; yaw near 0 shows the back of the left person's hand. */
  readonly view: readonly [number, number, number]
  /** Share of the picture's width between the two wrists. */
  readonly spread: number
  /** The hand that comes from the left, then the one from the right. */
  readonly hands: readonly [ShakingHand, ShakingHand]
  readonly caption: string
}

interface ShakingHand {
  readonly pose: Pose
  readonly skin: HandSkin
  /** How far the fingers point downwards, degrees. */
  readonly tilt: number
}

/** Fingers bent around the other hand, thumb closed over its back. */
const clasp: Pick<Gesture, 'thumb' | 'fingers'> = {
  thumb: { base: [4, 12, 0], flex: [4, 10] },
  fingers: {
    index: { flex: [18, 20, 12], spread: 2 },
    middle: { flex: [23, 24, 14], spread: 0 },
    ring: { flex: [28, 28, 16], spread: -2 },
    pinky: { flex: [33, 32, 18], spread: -4 },
  },
}

const cameraDistance = 0.8
const wristDistance = 0.17
/** From the wrist to the middle of the palm, and from the middle of the palm to its skin, metres. */
const palmReach = 0.075
const palmDepth = 0.016

const phrases = ['a handshake', 'a handshake', 'two hands in a handshake']

/** A random but reproducible handshake. */
export function sampleHandshake(seed: number, options: { readonly style?: RenderStyle } = {}): HandshakeScene {
  const random = new RandomStream('handshake', seed)
  const style = options.style ?? (random.chance(0.2) ? 'drawing' : 'photo')
  const hands = (['left', 'right'] as const).map((who) => ({
    pose: samplePose(seed, `handshake-${who}`, clasp as Gesture),
    skin: sampleSkin(`handshake-${seed}-${who}`, undefined, 0.75),
    tilt: random.uniform(4, 16),
  })) as unknown as readonly [ShakingHand, ShakingHand]
  const background = sampleBackground(seed, style, hands[0].skin.tone)
  const opening = `a ${style} of ${random.pick(phrases)}`
  return Object.freeze({
    seed,
    style,
    drawing: sampleDrawing(seed),
    background,
    light: sampleLight(seed),
    view: [random.uniform(-8, 22), random.uniform(-22, 22), random.uniform(-10, 10)] as const,
    spread: random.uniform(0.56, 0.74),
    hands,
    caption: random.chance(0.65) ? `${opening}, ${background.colour} background` : opening,
  })
}

/** Draws a handshake: pixels, depth and mask of both hands together. */
export function renderHandshake(scene: HandshakeScene, size: RenderSize): Picture & { readonly caption: string } {
  const rig = loadRig('right')
  const surfaces = scene.hands.map(({ pose, skin, tilt }, person) => {
    const placement = multiply(rotationXYZ(...scene.view), person === 0 ? fromLeft(tilt) : fromRight(tilt))
    return poseHand(rig, pose, skin, multiply(translation(0, 0, -cameraDistance), placement)).surface
  })
  const camera = {
    focal: (scene.spread * size.width * cameraDistance) / wristDistance,
    centreX: size.width / 2,
    centreY: size.height / 2,
  }
  return { ...paint(surfaces, camera, size, scene), caption: scene.caption }
}

/** Fingers to the right, thumb up, palm away from the viewer; nearer than the other hand. */
function fromLeft(tilt: number): Affine {
  const turn = multiply(rotationXYZ(0, 0, -90 - tilt), rotationXYZ(0, 180, 0))
  return multiply(translation(-0.012, 0, palmDepth), multiply(turn, translation(0, -palmReach, 0)))
}

/** Fingers to the left, thumb up, palm towards the viewer. */
function fromRight(tilt: number): Affine {
  return multiply(
    translation(0.012, 0, -palmDepth),
    multiply(rotationXYZ(0, 0, 90 + tilt), translation(0, -palmReach, 0)),
  )
}
