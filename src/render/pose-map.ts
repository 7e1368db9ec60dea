import sharp from 'sharp'
import type { Keypoint } from './hand-render.ts'

/** Landmarks of MediaPipe and OpenPose, which have one order for a hand: along each finger from the wrist. */
const bones = [0, 1, 2, 3, 4].flatMap((finger) => {
  const joints = [0, 1, 2, 3, 4].map((joint) => (joint === 0 ? 0 : 4 * finger + joint))
  return joints.slice(1).map((to, i) => [joints[i] as number, to] as const)
})
/** At 512 pixels: a line 2 wide, a dot of radius 4. */
const [lineShare, dotShare] = [2 / 512, 4 / 512]

/**
 * A hand as OpenPose draws it and as the public pose ControlNets were trained with: on black, 20 bones in the colours of
 * the wheel and 21 blue dots, here in proportion to the picture. Three bytes per pixel.
 *
 * @param keypoints 21 points of each hand, in pixels
 */
export async function poseMap(
  hands: readonly (readonly Keypoint[])[],
  width: number,
  height: number,
): Promise<Uint8Array> {
  const side = Math.max(width, height)
  const [line, dot] = [Math.max(1, side * lineShare), Math.max(1, side * dotShare)]
  const shapes = hands.flatMap((points) => [
    ...bones.map(([from, to], i) => {
      const [a, b] = [points[from] as Keypoint, points[to] as Keypoint]
      const colour = `hsl(${(360 * i) / bones.length} 100% 50%)`
      return `<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}" stroke="${colour}" stroke-width="${line}"/>`
    }),
    ...points.map(({ x, y }) => `<circle cx="${x}" cy="${y}" r="${dot}" fill="#0000ff"/>`),
  ])
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%"/>${shapes.join('')}</svg>`
  return new Uint8Array(await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer())
}
