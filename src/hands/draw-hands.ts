import { type DrawHandsInput, drawHandsSettings } from '../config/hands.ts'
import { resolve } from '../config/resolve.ts'
import { edgeMap } from '../render/edge-map.ts'
import { type Keypoint, type PosedHand, paint, poseHand } from '../render/hand-render.ts'
import { poseMap } from '../render/pose-map.ts'
import { type Camera, project } from '../render/rasteriser.ts'
import { loadRig } from '../render/rig.ts'
import { type HandSkin, sampleDrawing } from '../render/scene.ts'
import type { PlacedHand } from './hand-fit.ts'
import { softMask } from './soft-mask.ts'

/** Pictures of the hands alone, of one size. */
export interface DrawnHands {
  readonly width: number
  readonly height: number
  /** A byte per pixel: 255 nearest, 51 farthest of all hands, 0 elsewhere, as HandRefiner has it (arXiv 2311.17957). */
  readonly depth: Uint8Array
  /** Distance from the camera in metres, Infinity where there is no hand. */
  readonly distance: Float32Array
  /** A byte per pixel: 255 on the hands and `rim` pixels around them, then falling to 0 over as many. */
  readonly mask: Uint8Array
  /** A byte per pixel: 255 on the edges of the shaded hands (Canny, as in {@link edgeMap}). */
  readonly edges: Uint8Array
  /** Three bytes per pixel: the hands as OpenPose draws them. */
  readonly pose: Uint8Array
  /** 21 points of each hand, in MediaPipe's order. */
  readonly keypoints: readonly (readonly Keypoint[])[]
}

/** Whatever draws hands as {@link drawHands} does may stand in its place. */
export type DrawHands = (
  hands: readonly PlacedHand[],
  size: { readonly width: number; readonly height: number },
  options?: DrawHandsInput,
) => Promise<DrawnHands>

/** Focal length of a normal lens, 50 on a film of 36 millimetres, in longer sides of the picture. */
const normalLens = 50 / 36
/** What would lie behind the camera lies this far before it, metres. */
const nearestDistance = 1e-3

/**
 * Draws fitted hands for a ControlNet: depth, edges and pose in the conventions of the public ones, and a mask. All hands
 * stand before one camera, a normal lens, each as far away as its scale says, so that nearer hands are lighter and cover
 * others. Forearms, of which a fit knows nothing, are left out.
 *
 * Rejects with ConfigError for settings that cannot be used. Without hands everything is black.
 */
export const drawHands: DrawHands = async (hands, { width, height }, options = {}) => {
  const { rim } = resolve(drawHandsSettings, options, 'drawing of hands')
  const camera = { focal: normalLens * Math.max(width, height), centreX: width / 2, centreY: height / 2 }
  const posed = hands.map((hand) => placed(hand, camera))
  const surfaces = posed.map(({ surface }, i) => {
    const { handTriangles } = loadRig(hands[i]!.side)
    return { ...surface, triangles: surface.triangles.subarray(0, 3 * handTriangles) }
  })
  const picture = paint(surfaces, camera, { width, height }, plainSetting)
  const keypoints = posed.map(({ landmarks }) =>
    landmarks.map(([x, y, z]) => {
      const [column, row, distance] = project(camera, x, y, z)
      return { x: column, y: row, z: distance }
    }),
  )
  return {
    width,
    height,
    depth: picture.depthMap,
    distance: picture.depth,
    mask: softMask(picture.mask, width, height, rim),
    edges: edgeMap(picture.rgb, width, height),
    pose: await poseMap(keypoints, width, height),
    keypoints,
  }
}

/** Light from the camera on a plain ground, so that edges are those of shape. */
const plainSetting = {
  style: 'photo',
  drawing: sampleDrawing(0),
  light: { direction: [0, 0.3, 0.954], ambient: 0.3, warmth: 0 },
  background: { kind: 'plain', colour: 'black', seed: 0 },
} as const
const plainSkin: HandSkin = { tone: 'tan', colour: [0.83, 0.62, 0.47], sleeve: null }

/**
 * Carries a hand before the camera, its wrist where the scale says. Each point keeps the pixel that weak perspective
 * gives it, on which the fit rests, and has its own distance.
 */
function placed({ side, pose, rotation, scale, x, y }: PlacedHand, { focal, centreX, centreY }: Camera): PosedHand {
  const { surface, landmarks } = poseHand(loadRig(side), pose, plainSkin, rotation)
  const carry = (right: number, up: number, near: number): readonly [number, number, number] => {
    const distance = Math.max(nearestDistance, focal / scale - near)
    const share = distance / focal
    return [(x + scale * right - centreX) * share, (centreY - y + scale * up) * share, -distance]
  }
  const positions = surface.positions.slice()
  for (let i = 0; i < positions.length; i += 3) {
    positions.set(carry(positions[i] as number, positions[i + 1] as number, positions[i + 2] as number), i)
  }
  return { surface: { ...surface, positions }, landmarks: landmarks.map((point) => carry(...point)) }
}
