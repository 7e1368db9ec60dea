import { expect, test } from 'vitest'
import { perceptualHashes } from '../../src/curation/perceptual-hash.ts'
import { RandomStream } from '../../src/util/random.ts'

/** Smooth shapes, so that no frequency lies so near the mean that the order of additions decides. */
function picture(seed: number): Uint8Array {
  const random = new RandomStream('hash', seed)
  const waves = Array.from({ length: 6 }, () => [0.9, 0.9, 3].map((top) => random.uniform(0, top)))
  return Uint8Array.from({ length: 1024 }, (_, i) => {
    const [x, y] = [i % 32, Math.floor(i / 32)]
    return 128 + waves.reduce((sum, [a = 0, b = 0, c = 0]) => sum + 20 * Math.sin(a * x + b * y + c), 0)
  })
}

/** The hash by the definition of the two-dimensional DCT, each frequency from all pixels. */
function byDefinition(grey: Uint8Array): string {
  const frequencies = Array.from({ length: 64 }, (_, i) => {
    const [u, v] = [1 + Math.floor(i / 8), 1 + (i % 8)]
    const wave = (k: number, n: number): number => Math.cos((Math.PI / 32) * (k + 0.5) * n)
    return grey.reduce((sum, value, at) => sum + value * wave(at % 32, u) * wave(Math.floor(at / 32), v), 0)
  })
  const mean = frequencies.reduce((sum, value) => sum + value, 0) / 64
  const bits = frequencies.map((value) => (value > mean ? '1' : '0')).join('')
  return BigInt(`0b${bits}`).toString(16).padStart(16, '0')
}

test.each([1, 2, 3, 4, 5, 6])('picture %i has the hash of the definition, and its mirror image too', (seed) => {
  const grey = picture(seed)
  const mirrored = grey.map((_, i) => grey[32 * Math.floor(i / 32) + 31 - (i % 32)] as number)
  expect(perceptualHashes(grey)).toEqual({ hash: byDefinition(grey), mirroredHash: byDefinition(mirrored) })
  expect(perceptualHashes(mirrored).mirroredHash).toBe(perceptualHashes(grey).hash)
})

test('another number of pixels is refused', () => {
  expect(() => perceptualHashes(new Uint8Array(1000))).toThrow(RangeError)
})
