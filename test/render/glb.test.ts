import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ArtefactError } from '../../src/errors/index.ts'
import { readSkinnedMesh } from '../../src/render/glb.ts'

const bytes = (hand: string) => readFileSync(new URL(`../../src/render/assets/${hand}.glb`, import.meta.url))

describe('the mesh reader', () => {
  it.each(['left', 'right'])('reads the %s hand', (hand) => {
    const mesh = readSkinnedMesh(bytes(hand))
    expect(mesh.positions).toHaveLength(1360 * 3)
    expect(mesh.triangles).toHaveLength(2314 * 3)
    expect(mesh.jointNames).toHaveLength(25)
    expect(new Set(mesh.jointNames)).toContain('pinky-finger-tip')
    for (let i = 0; i < mesh.weights.length; i += 4) {
      // Weights are float32.
      expect(mesh.weights.subarray(i, i + 4).reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 5)
    }
  })

  it('refuses what is not a whole binary glTF file, at every length', () => {
    const whole = bytes('left')
    const lengths = [0, 4, 19, 20, 1000, whole.length - 4]
    for (const length of lengths) expect(() => readSkinnedMesh(whole.subarray(0, length))).toThrow(ArtefactError)
    const other = Buffer.from(whole)
    other.write('JPEG')
    expect(() => readSkinnedMesh(other)).toThrow(/binary glTF/)
  })
})
