import type { RgbImage } from '../../src/artefact/png.ts'
import type { Hand } from '../../src/hands/hand.ts'
import { type HandRender, renderHand } from '../../src/render/hand-render.ts'
import { landmarkJoints, loadRig } from '../../src/render/rig.ts'
import { type HandScene, type SceneOptions, sampleScene } from '../../src/render/scene.ts'
import { poseJoints } from '../../src/render/skeleton.ts'

/** A rendered hand as a picture, with what is known of it. */
export function renderedHand(
  seed: number,
  options: SceneOptions,
  side = 256,
): { scene: HandScene; render: HandRender; picture: RgbImage } {
  const scene = sampleScene(seed, { style: 'photo', ...options })
  const render = renderHand(scene, { width: side, height: side })
  return { scene, render, picture: { pixels: render.rgb, width: side, height: side } }
}

/** A plain picture with another one in it, whose upper left corner may lie beyond an edge. */
export function placedIn(picture: RgbImage, width: number, height: number, left: number, top: number): RgbImage {
  const pixels = new Uint8Array(width * height * 3).fill(90)
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const [column, row] = [left + x, top + y]
      if (column < 0 || row < 0 || column >= width || row >= height) continue
      const from = (y * picture.width + x) * 3
      pixels.set(picture.pixels.subarray(from, from + 3), (row * width + column) * 3)
    }
  }
  return { pixels, width, height }
}

/** Mean distance of landmarks to known points, in shares of the longer side of the box about the known ones. */
export function landmarkError(
  landmarks: readonly { readonly x: number; readonly y: number }[],
  known: readonly { readonly x: number; readonly y: number }[],
): number {
  const [xs, ys] = [known.map(({ x }) => x), known.map(({ y }) => y)]
  const side = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys))
  const distances = landmarks.map(({ x, y }, i) => Math.hypot(x - known[i]!.x, y - known[i]!.y))
  return distances.reduce((sum, distance) => sum + distance, 0) / distances.length / side
}

/** What a perfect detector would say of a rendered hand; depth is in pixels, as of a camera far away. */
export function knownHand(render: HandRender, scene: HandScene): Hand {
  const { keypoints, handedness: side } = render
  const world = poseJoints(loadRig(side), scene.pose)
  const [wrist, knuckle] = [keypoints[0]!, keypoints[9]!]
  const joint = world[landmarkJoints[9]!]!
  const [x, y, z] = [3, 7, 11].map((i) => joint[i]! - world[0]![i]!) as [number, number, number]
  // The bone's length without its part along the view is what its pixels measure.
  const across = Math.sqrt(x * x + y * y + z * z - (knuckle.z - wrist.z) ** 2)
  const pixels = Math.hypot(knuckle.x - wrist.x, knuckle.y - wrist.y) / across
  const landmarks = keypoints.map((point) => ({ x: point.x, y: point.y, z: (point.z - wrist.z) * pixels }))
  const [xs, ys] = [keypoints.map((point) => point.x), keypoints.map((point) => point.y)]
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  const box = { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top }
  return { box, confidence: 1, presence: 1, side, sideConfidence: 0.95, landmarks }
}
