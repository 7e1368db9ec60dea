import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors/index.ts'
import { drawHands } from '../../src/hands/draw-hands.ts'
import { fitHand } from '../../src/hands/fit-hand.ts'
import type { PlacedHand } from '../../src/hands/hand-fit.ts'
import { softMask } from '../../src/hands/soft-mask.ts'

const size = { width: 160, height: 128 }

function templateAt(left: number, top: number, width: number, height: number): PlacedHand {
  const box = { left, top, width, height }
  return fitHand({ box, confidence: 1, presence: 0, reason: 'no-hand-seen' }, { gesture: 'open-palm' })
}

describe('drawing hands', () => {
  const [small, large] = [templateAt(5, 20, 50, 50), templateAt(60, 10, 95, 110)]

  it('has all hands in one depth: the larger is nearer, thus lighter', async () => {
    const { depth, distance, keypoints } = await drawHands([small, large], size)
    const levels = (from: number, to: number): number[] =>
      [...depth].filter((value, i) => value > 0 && i % size.width >= from && i % size.width < to)
    expect(Math.max(...levels(0, 57))).toBeLessThan(Math.min(...levels(57, 160)))
    expect(Math.max(...depth)).toBe(255)
    expect(Math.min(...levels(0, 160))).toBe(51)
    for (const [i, value] of depth.entries()) expect(value > 0).toBe(distance[i] !== Infinity)
    expect(keypoints.map((points) => points.length)).toEqual([21, 21])
    // Distances are as their scales say.
    expect(keypoints[0]![0]!.z / keypoints[1]![0]!.z).toBeCloseTo(large.scale / small.scale, 6)
  })

  it('lets the nearer hand cover the other, in whatever order they are given', async () => {
    const behind = templateAt(80, 30, 40, 60)
    const [one, other] = [await drawHands([behind, large], size), await drawHands([large, behind], size)]
    expect(other.distance).toEqual(one.distance)
    const alone = await drawHands([large], size)
    for (const [i, value] of alone.distance.entries())
      if (value !== Infinity) expect(one.distance[i]).toBeLessThanOrEqual(value)
  })

  it('has a mask that is white on the hands, a rim around them, and fades', async () => {
    const hard = await drawHands([large], size, { rim: 0 })
    const soft = await drawHands([large], size, { rim: 8 })
    expect(new Set(hard.mask)).toEqual(new Set([0, 255]))
    for (const [i, value] of hard.mask.entries()) if (value === 255) expect(soft.mask[i]).toBe(255)
    const white = (mask: Uint8Array): number => mask.filter((value) => value === 255).length
    expect(white(soft.mask)).toBeGreaterThan(1.2 * white(hard.mask))
    expect(soft.mask.filter((value) => value > 20 && value < 235).length).toBeGreaterThan(100)
  })

  it('has a rim of the width that was asked for, in all directions', () => {
    const dot = new Uint8Array(61 * 61)
    dot[30 * 61 + 30] = 255
    const soft = softMask(dot, 61, 61, 10)
    for (const [i, value] of soft.entries()) {
      const distance = Math.hypot((i % 61) - 30, Math.floor(i / 61) - 30)
      // Steps to neighbours are at most 8 % longer than a straight line.
      if (distance <= 9) expect(value).toBe(255)
      if (distance >= 20) expect(value).toBe(0)
      const straight = 255 * Math.max(0, Math.min(1, 2 - distance / 10))
      expect(Math.abs(value - straight)).toBeLessThan(255 * 0.17)
    }
  })

  it('draws edges and bones of the hands, without forearms', async () => {
    const { edges, pose, depth, keypoints } = await drawHands([large], size)
    expect(new Set(edges)).toEqual(new Set([0, 255]))
    const tip = keypoints[0]![12]!
    expect([...pose.subarray(3 * (Math.floor(tip.y) * size.width + Math.floor(tip.x))).subarray(0, 3)]).toEqual([
      0, 0, 255,
    ])
    const lowest = Math.max(...[...depth.keys()].filter((i) => depth[i]! > 0).map((i) => Math.floor(i / size.width)))
    // A forearm would reach the lower edge.
    expect(lowest).toBeLessThan(size.height - 1)
  })

  it('is black without hands, and with a hand beyond the picture', async () => {
    for (const hands of [[], [templateAt(900, 900, 50, 50)]]) {
      const { depth, mask, edges } = await drawHands(hands, size)
      for (const map of [depth, mask, edges]) expect(map.every((value) => value === 0)).toBe(true)
    }
  })

  it('refuses a rim that is none', async () => {
    await expect(drawHands([], size, { rim: -1 })).rejects.toBeInstanceOf(ConfigError)
  })
})
