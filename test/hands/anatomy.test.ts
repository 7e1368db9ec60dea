import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatisticsError } from '../../src/errors/index.ts'
import { checkAnatomy } from '../../src/hands/anatomy.ts'
import { anatomyChecks, measureAnatomy } from '../../src/hands/anatomy-measures.ts'
import { rotate } from '../../src/hands/orientation.ts'
import { rotationXYZ } from '../../src/render/matrix.ts'
import { knownHand, renderedHand } from './scenes.ts'

const { render, scene } = renderedHand(100, { gesture: 'open-palm' })
const { landmarks } = knownHand(render, scene)

describe('measures of anatomy', () => {
  it('do not depend on place, size and turn', () => {
    const expected = measureAnatomy(landmarks)
    const degrees = fc.double({ min: -180, max: 180, noNaN: true })
    fc.assert(
      fc.property(degrees, degrees, degrees, fc.double({ min: 0.1, max: 20, noNaN: true }), (a, b, c, size) => {
        const moved = landmarks.map(({ x, y, z }) => {
          const [right, down, back] = rotate(rotationXYZ(a, b, c), [x, y, z])
          return { x: right * size + 30, y: down * size - 7, z: back * size }
        })
        const measures = measureAnatomy(moved)
        for (const check of anatomyChecks) {
          for (const [name, value] of Object.entries(measures[check])) {
            // An angle near 0 loses half of its digits in the cosine.
            expect(Math.abs(value - expected[check][name]!), name).toBeLessThan(1e-3)
          }
        }
      }),
    )
  })

  it('are what a hand of right angles has', () => {
    // Along the index finger: palm of 4 upwards, bones of 2 and 1 upwards, the last of 1 to the right.
    const points = Array.from({ length: 21 }, (_, i) => ({ x: 10 * i, y: 0, z: 0 }))
    const place = (i: number, x: number, y: number): void => {
      points[i] = { x, y, z: 0 }
    }
    place(0, 0, 0)
    place(9, 0, 4)
    place(5, 0, 4)
    place(6, 0, 6)
    place(7, 0, 7)
    place(8, 1, 7)
    const measures = measureAnatomy(points)
    expect(measures['bone-ratios']['index lower to middle']).toBeCloseTo(Math.log(2), 6)
    expect(measures['bone-ratios']['index to palm']).toBeCloseTo(0, 6)
    expect(measures.flexion['index middle']).toBeCloseTo(0, 4)
    expect(measures.flexion['index end']).toBeCloseTo(90, 4)
    expect(measures.coplanarity.index).toBeCloseTo(0, 6)
  })

  it('are numbers for whatever points', () => {
    const number = fc.oneof(fc.constant(0), fc.double({ min: -1e4, max: 1e4, noNaN: true }))
    const points = fc.array(fc.record({ x: number, y: number, z: number }), { minLength: 21, maxLength: 21 })
    fc.assert(
      fc.property(points, (any) => {
        for (const { unusual, distance, measure } of checkAnatomy(any)) {
          expect(unusual).toBeGreaterThanOrEqual(0)
          expect(unusual).toBeLessThanOrEqual(1)
          expect([Number.isFinite(distance), measure.length > 0]).toEqual([true, true])
        }
      }),
    )
  })
})

describe('checks of anatomy', () => {
  const unusual = (points: typeof landmarks) =>
    new Map(checkAnatomy(points).map((finding) => [finding.check, finding] as const))

  it('give every check, and none of them alarms at a sound hand', () => {
    const findings = checkAnatomy(landmarks)
    expect(findings.map(({ check }) => check)).toEqual([...anatomyChecks])
    for (const finding of findings) expect(finding.unusual, finding.measure).toBeLessThan(1)
  })

  it('name the finger that is too long, and the one that bends sideways', () => {
    const [knuckle, middle] = [landmarks[13]!, landmarks[14]!]
    const stretched = landmarks.map((point, i) =>
      i < 14 || i > 16
        ? point
        : { ...point, x: point.x + 2 * (middle.x - knuckle.x), y: point.y + 2 * (middle.y - knuckle.y) },
    )
    const ratios = unusual(stretched).get('bone-ratios')!
    expect(ratios.measure).toContain('ring')
    expect(ratios.unusual).toBeGreaterThan(0.9)
    const joint = landmarks[6]!
    const bent = landmarks.map((point, i) => {
      if (i < 7 || i > 8) return point
      return { ...point, x: joint.x - (point.y - joint.y), y: joint.y + (point.x - joint.x) }
    })
    const bend = unusual(bent).get('sideways-bend')!
    expect(bend.measure).toBe('index')
    expect(bend.unusual).toBeGreaterThan(unusual(landmarks).get('sideways-bend')!.unusual + 0.2)
  })

  it('refuse what are no landmarks of a hand', () => {
    const broken = landmarks.map((point, i) => (i === 3 ? { ...point, z: Number.NaN } : point))
    for (const points of [[], landmarks.slice(1), broken]) {
      expect(() => checkAnatomy(points)).toThrow(StatisticsError)
    }
  })

  it('see fingers in the wrong order, and tips that lie on each other', () => {
    const swapped = landmarks.map((point, i) => (i === 9 ? landmarks[13]! : i === 13 ? landmarks[9]! : point))
    expect(unusual(swapped).get('finger-order')!.unusual).toBe(1)
    const fused = landmarks.map((point, i) => (i === 16 ? landmarks[12]! : point))
    expect(unusual(fused).get('tip-separation')).toMatchObject({ measure: 'ring' })
    expect(unusual(fused).get('tip-separation')!.unusual).toBeGreaterThan(
      unusual(landmarks).get('tip-separation')!.unusual,
    )
  })
})
