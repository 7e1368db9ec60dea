import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { decodeRgb } from '../../src/artefact/png.ts'
import { edgeMap } from '../../src/render/edge-map.ts'
import { poseMap } from '../../src/render/pose-map.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

// The expected edges are of OpenCV 5.0.0: cv2.Canny(rgb, 100, 200). Noise has every direction, crest and tie.
test.each(['hand', 'noise'])('the edges of %s are those that OpenCV finds', async (name) => {
  const { pixels, width, height } = await decodeRgb(fixture(`${name}.png`))
  const expected = await sharp(fixture(`${name}.edges.png`))
    .greyscale()
    .raw()
    .toBuffer()
  expect(expected.filter((value) => value === 255).length).toBeGreaterThan(100)
  expect(Buffer.from(edgeMap(pixels, width, height)).equals(expected)).toBe(true)
})

test('a pose has the colours of OpenPose along its bones and blue dots on its joints', async () => {
  // Fingers side by side, their joints below each other, the wrist at the bottom.
  const points = Array.from({ length: 21 }, (_, i) => {
    const [finger, joint] = [Math.floor((i - 1) / 4), (i - 1) % 4]
    return i === 0 ? { x: 256, y: 480, z: 1 } : { x: 60 + 98 * finger, y: 380 - 100 * joint, z: 1 }
  })
  const map = await poseMap([points], 512, 512)
  const at = (x: number, y: number) => [...map.subarray(3 * (y * 512 + x), 3 * (y * 512 + x) + 3)]
  for (const { x, y } of points) expect(at(x, y)).toEqual([0, 0, 255])
  // colorsys.hsv_to_rgb([i / 20, 1, 1]) * 255 of the bones 1, 5, 9, 13 and 17: the second of each finger.
  const colours = [
    [255, 76, 0],
    [127, 255, 0],
    [0, 255, 178],
    [0, 25, 255],
    [255, 0, 229],
  ]
  for (const [finger, colour] of colours.entries()) {
    // Half a step of rounding either way, which truncation in OpenCV's colours doubles.
    for (const [i, value] of at(60 + 98 * finger, 330).entries()) {
      expect(Math.abs(value - (colour[i] as number))).toBeLessThanOrEqual(1)
    }
  }
  expect(at(10, 10)).toEqual([0, 0, 0])
})
