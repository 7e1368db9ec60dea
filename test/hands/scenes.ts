import type { RgbImage } from '../../src/artefact/png.ts'
import { type HandRender, renderHand } from '../../src/render/hand-render.ts'
import { type SceneOptions, sampleScene } from '../../src/render/scene.ts'

/** A rendered hand as a picture, with what is known of it. */
export function renderedHand(
  seed: number,
  options: SceneOptions,
  side = 256,
): { render: HandRender; picture: RgbImage } {
  const render = renderHand(sampleScene(seed, { style: 'photo', ...options }), { width: side, height: side })
  return { render, picture: { pixels: render.rgb, width: side, height: side } }
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
