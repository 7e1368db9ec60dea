import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutFrame, frameWithin, pasteFrame, resizeSquare } from '../../src/repair/frame.ts'
import { blend, repaintMask, resizeMask } from '../../src/repair/mask.ts'

const size = fc.integer({ min: 8, max: 80 })
const boxOf = fc.record({
  left: fc.double({ min: -20, max: 80, noNaN: true }),
  top: fc.double({ min: -20, max: 80, noNaN: true }),
  width: fc.double({ min: 0.5, max: 120, noNaN: true }),
  height: fc.double({ min: 0.5, max: 120, noNaN: true }),
})

function noise(width: number, height: number) {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919 + (i >> 3) * 31) % 256)
  return { pixels, width, height }
}

test('a frame lies in the picture where it fits, and is centred where it does not', () => {
  fc.assert(
    fc.property(boxOf, size, size, fc.double({ min: 1, max: 4, noNaN: true }), (box, width, height, context) => {
      const { left, top, side } = frameWithin(box, context, { width, height })
      const longer = Math.max(box.width, box.height)
      expect(side).toBeGreaterThanOrEqual(Math.floor(longer))
      expect(side).toBeLessThanOrEqual(Math.max(8, Math.ceil(longer), Math.min(width, height)) + 1)
      for (const [start, length] of [
        [left, width],
        [top, height],
      ] as const) {
        if (side <= length) expect(start >= 0 && start + side <= length).toBe(true)
        else expect(start).toBe(Math.round((length - side) / 2))
      }
    }),
  )
})

test('what is cut and pasted back changes nothing; what is pasted lies where it was cut, and nowhere else', () => {
  const frame = fc.record({
    left: fc.integer({ min: -30, max: 70 }),
    top: fc.integer({ min: -30, max: 70 }),
    side: size,
  })
  fc.assert(
    fc.property(frame, size, size, (place, width, height) => {
      const picture = noise(width, height)
      const cut = cutFrame(picture, place)
      expect(pasteFrame(picture, place, cut)).toEqual(picture)
      const negative = { ...cut, pixels: cut.pixels.map((value) => 255 - value) }
      const pasted = pasteFrame(picture, place, negative)
      for (let at = 0; at < width * height; at++) {
        const [x, y] = [at % width, Math.floor(at / width)]
        const inside = x >= place.left && x < place.left + place.side && y >= place.top && y < place.top + place.side
        const before = picture.pixels[3 * at] as number
        expect(pasted.pixels[3 * at]).toBe(inside ? 255 - before : before)
      }
    }),
    { numRuns: 40 },
  )
})

test('beyond the edge a frame repeats the outermost pixels', () => {
  const { pixels } = cutFrame(noise(20, 20), { left: -4, top: 3, side: 8 })
  const row = [...pixels.subarray(0, 24)]
  expect(row.slice(0, 12)).toEqual(Array.from({ length: 4 }, () => row.slice(12, 15)).flat())
})

test('a mask is full on the box with its margin and on the shape, and fades to nothing at the rim', () => {
  const side = 40
  const shape = new Uint8Array(side * side)
  shape[5 * side + 30] = 255
  const frame = { left: 100, top: 200, side: 80 }
  const box = { left: 140, top: 240, width: 20, height: 20 }
  // In the frame at half its size: from 20 to 30, and 1.5 more on either side.
  const hard = repaintMask(frame, box, { shape, side, rim: 0 })
  const lit = (at: number) => [at % side, Math.floor(at / side)]
  const inBox = [...hard.keys()].filter((at) => hard[at] === 255 && at !== 5 * side + 30).map(lit)
  expect(Math.min(...inBox.map(([x]) => x as number))).toBe(19)
  expect(Math.max(...inBox.map(([x]) => x as number))).toBe(31)
  expect(hard[5 * side + 30]).toBe(255)
  const soft = repaintMask(frame, box, { shape, side, rim: 3 })
  // Straight out from the lone point: 255 (1 - d / 4).
  expect([30, 29, 28, 27, 26].map((x) => soft[5 * side + x])).toEqual([255, 191, 128, 64, 0])
})

test('where the mask is 0 the pixels below stay, where it is full those above come', async () => {
  const [under, over] = [noise(16, 16), { ...noise(16, 16), pixels: noise(16, 16).pixels.map((value) => 255 - value) }]
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), (mask) => {
      const { pixels } = blend(under, over, mask)
      for (const [at, weight] of mask.entries()) {
        const [below, above] = [under.pixels[3 * at] as number, over.pixels[3 * at] as number]
        if (weight === 0) expect(pixels[3 * at]).toBe(below)
        if (weight === 255) expect(pixels[3 * at]).toBe(above)
        expect(Math.abs((pixels[3 * at] as number) - (below + ((above - below) * weight) / 255))).toBeLessThanOrEqual(
          0.5,
        )
      }
    }),
  )
  const small = await resizeMask(new Uint8Array(256).fill(255), 16, 7)
  expect([...new Set(small)]).toEqual([255])
  expect((await resizeSquare(under, 16)).pixels).toBe(under.pixels)
})
