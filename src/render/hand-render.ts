import type { Background } from './background.ts'
import { paintBackground } from './background.ts'
import { type Defect, defectLabel, noDefect } from './defects.ts'
import type { DrawingStyle } from './drawing.ts'
import { shadeDrawing } from './drawing.ts'
import { growExtraFinger, malformPose } from './malformation.ts'
import { type Affine, multiply, rotationXYZ, translation } from './matrix.ts'
import { type Camera, project, rasterise, type SurfaceBuffer } from './rasteriser.ts'
import { type Handedness, landmarkJoints, loadRig, type Rig } from './rig.ts'
import type { HandScene, HandSkin, RenderStyle } from './scene.ts'
import { ambientOcclusion, type Light, type SkinSurface, shadePhoto } from './shading.ts'
import { type Pose, poseJoints, skinMatrices, skinVertices } from './skeleton.ts'
import { skinTexture } from './skin-texture.ts'

/** Size of a picture in pixels. */
export interface RenderSize {
  readonly width: number
  readonly height: number
}

/** A landmark: pixel position and distance from the camera in metres. */
export interface Keypoint {
  readonly x: number
  readonly y: number
  readonly z: number
}

/** Pixels and exact facts of one picture. */
export interface Picture {
  readonly width: number
  readonly height: number
  /** Three bytes per pixel. */
  readonly rgb: Uint8Array
  /** Distance along the view axis in metres, Infinity where there is no hand. */
  readonly depth: Float32Array
  /** 255 nearest, 51 farthest part of the hand, 0 background (the convention of HandRefiner, arXiv 2311.17957). */
  readonly depthMap: Uint8Array
  /** 255 on skin and sleeve, 0 elsewhere. */
  readonly mask: Uint8Array
}

export interface HandRender extends Picture {
  /** 21 points in MediaPipe's order. */
  readonly keypoints: readonly Keypoint[]
  readonly handedness: Handedness
  readonly fingers: number
  readonly defect: string
  readonly caption: string
}

const cameraDistance = 0.62
const oversampling = 2

/** Draws a scene. About 20 ms for 128x128 on one core. */
export function renderHand(scene: HandScene, size: RenderSize): HandRender {
  const rig = loadRig(scene.handedness)
  const centre = translation(0, -0.07, 0)
  const turn = multiply(rotationXYZ(scene.view[0], scene.view[1], scene.view[2]), centre)
  const hand = poseHand(rig, scene.pose, scene.skin, turn, scene.defect)
  const { camera, shift } = frameHand(hand.landmarks, scene.framing, size)
  const placed = moveHand(hand, shift)
  const picture = paint([placed.surface], camera, size, scene)
  const keypoints = placed.landmarks.map(([x, y, z]) => {
    const [px, py, distance] = project(camera, x, y, z)
    return { x: px, y: py, z: distance }
  })
  return {
    ...picture,
    keypoints,
    handedness: scene.handedness,
    fingers: scene.fingers,
    defect: defectLabel(scene.defect),
    caption: scene.caption,
  }
}

/** A hand's surface and its 21 landmarks in one frame. */
export interface PosedHand {
  readonly surface: SkinSurface
  readonly landmarks: readonly (readonly [number, number, number])[]
}

/** Poses and skins a hand, malformed when a defect is given, then carries it by `placement`. */
export function poseHand(
  rig: Rig,
  soundPose: Pose,
  skin: HandSkin,
  placement: Affine,
  defect: Defect = noDefect,
): PosedHand {
  const pose = malformPose(soundPose, defect)
  const world = poseJoints(rig, pose).map((matrix) => multiply(placement, matrix))
  const vertices = skinVertices(rig, skinMatrices(rig, pose, world))
  const shape = growExtraFinger({ ...vertices, uvs: rig.uvs, triangles: rig.triangles }, rig, world, defect)
  return {
    surface: {
      ...shape,
      texture: skinTexture(rig),
      tone: skin.colour,
      sleeve: skin.sleeve,
    },
    landmarks: landmarkJoints.map((joint) => {
      const matrix = world[joint] as Affine
      return [matrix[3] as number, matrix[7] as number, matrix[11] as number] as const
    }),
  }
}

function moveHand(hand: PosedHand, [dx, dy, dz]: readonly [number, number, number]): PosedHand {
  const positions = hand.surface.positions.slice()
  for (let i = 0; i < positions.length; i += 3) {
    positions[i] = (positions[i] as number) + dx
    positions[i + 1] = (positions[i + 1] as number) + dy
    positions[i + 2] = (positions[i + 2] as number) + dz
  }
  const landmarks = hand.landmarks.map(([x, y, z]) => [x + dx, y + dy, z + dz] as const)
  return { surface: { ...hand.surface, positions }, landmarks }
}

/** Moves the hand in front of the camera so that its landmarks fill the asked share of the picture. */
function frameHand(
  landmarks: PosedHand['landmarks'],
  framing: HandScene['framing'],
  size: RenderSize,
): { camera: Camera; shift: readonly [number, number, number] } {
  const flesh = 0.011
  const xs = landmarks.map(([x]) => x)
  const ys = landmarks.map(([, y]) => y)
  const [left, right] = [Math.min(...xs) - flesh, Math.max(...xs) + flesh]
  const [bottom, top] = [Math.min(...ys) - flesh, Math.max(...ys) + flesh]
  const extent = Math.max((right - left) / size.width, (top - bottom) / size.height, 0.12 / size.height)
  const shift = [-(left + right) / 2, -(bottom + top) / 2, -cameraDistance] as const
  const camera = {
    focal: (framing.fill * cameraDistance) / extent,
    centreX: framing.x * size.width,
    centreY: framing.y * size.height,
  }
  return { camera, shift }
}

/** What surrounds the hands of a picture. */
export interface Setting {
  readonly style: RenderStyle
  readonly drawing: DrawingStyle
  readonly light: Light
  readonly background: Background
}

/** Rasterises at twice the size, shades, and averages each 2x2 block. */
export function paint(surfaces: readonly SkinSurface[], camera: Camera, size: RenderSize, setting: Setting): Picture {
  const [width, height] = [size.width * oversampling, size.height * oversampling]
  const fine: Camera = {
    focal: camera.focal * oversampling,
    centreX: camera.centreX * oversampling,
    centreY: camera.centreY * oversampling,
  }
  const buffer = rasterise(surfaces, fine, width, height)
  const canvas = spread(paintBackground(setting.background, size.width, size.height), size)
  const occlusion = ambientOcclusion(buffer, fine.focal, 0.011)
  if (setting.style === 'photo') shadePhoto(buffer, surfaces, setting.light, occlusion, canvas)
  else shadeDrawing(buffer, surfaces, setting.light, occlusion, setting.drawing, canvas)
  return reduce(buffer, canvas, size)
}

/** Repeats every pixel `oversampling` times in both directions. */
function spread(rgb: Float32Array, { width, height }: RenderSize): Float32Array {
  const out = new Float32Array(width * height * 3 * oversampling * oversampling)
  const columns = width * oversampling
  for (let y = 0; y < height * oversampling; y++) {
    for (let x = 0; x < columns; x++) {
      const from = ((y >> 1) * width + (x >> 1)) * 3
      const to = (y * columns + x) * 3
      out[to] = rgb[from] as number
      out[to + 1] = rgb[from + 1] as number
      out[to + 2] = rgb[from + 2] as number
    }
  }
  return out
}

function reduce(buffer: SurfaceBuffer, canvas: Float32Array, { width, height }: RenderSize): Picture {
  const rgb = new Uint8Array(width * height * 3)
  const depth = new Float32Array(width * height).fill(Infinity)
  const mask = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      const corner = y * 2 * buffer.width + x * 2
      const samples = [corner, corner + 1, corner + buffer.width, corner + buffer.width + 1]
      let covered = 0
      for (const sample of samples) {
        const distance = buffer.depth[sample] as number
        if (distance !== Infinity) covered++
        depth[at] = Math.min(depth[at] as number, distance)
      }
      mask[at] = covered >= 2 ? 255 : 0
      for (let k = 0; k < 3; k++) {
        let sum = 0
        for (const sample of samples) sum += Math.min(1, Math.max(0, canvas[sample * 3 + k] as number))
        rgb[at * 3 + k] = Math.round((sum / 4) * 255)
      }
    }
  }
  return { width, height, rgb, depth, mask, depthMap: mapDepth(depth) }
}

function mapDepth(depth: Float32Array): Uint8Array {
  let [near, far] = [Infinity, -Infinity]
  for (const distance of depth) {
    if (distance === Infinity) continue
    near = Math.min(near, distance)
    far = Math.max(far, distance)
  }
  const range = Math.max(far - near, 1e-9)
  return Uint8Array.from(depth, (distance) =>
    distance === Infinity ? 0 : Math.round(255 * (1 - (0.8 * (distance - near)) / range)),
  )
}
