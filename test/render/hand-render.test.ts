import { describe, expect, it } from 'vitest'
import type { Defect } from '../../src/render/defects.ts'
import { gestureNames } from '../../src/render/gestures.ts'
import { type HandRender, renderHand } from '../../src/render/hand-render.ts'
import { renderHandshake, sampleHandshake } from '../../src/render/handshake.ts'
import { loadRig } from '../../src/render/rig.ts'
import { sampleScene } from '../../src/render/scene.ts'
import { poseJoints, skinMatrices, skinVertices } from '../../src/render/skeleton.ts'
import { sha256 } from '../../src/util/sha256.ts'

const size = { width: 128, height: 128 }

function render(seed: number, options: Parameters<typeof sampleScene>[1] = {}): HandRender {
  return renderHand(sampleScene(seed, options), size)
}

describe('skinning', () => {
  it.each(['left', 'right'] as const)('gives the scanned %s hand back in its bind pose', (handedness) => {
    const rig = loadRig(handedness)
    const pose = { rotations: new Map(), scales: new Map() }
    const { positions } = skinVertices(rig, skinMatrices(rig, pose, poseJoints(rig, pose)))
    let worst = 0
    for (let i = 0; i < positions.length; i++) worst = Math.max(worst, Math.abs(positions[i]! - rig.positions[i]!))
    // Coordinates are stored as float32 of about 0.1 m, whose rounding is 7e-9 m.
    expect(worst).toBeLessThan(1e-7)
  })
})

describe('a render', () => {
  it('is the same bytes for the same seed, whatever was drawn before', () => {
    const first = sha256(render(7).rgb)
    render(8)
    expect(sha256(render(7).rgb)).toBe(first)
    expect(sha256(render(8).rgb)).not.toBe(first)
  })

  it('has depth exactly where a hand is, nearest white and farthest 51', () => {
    const { depth, depthMap, mask } = render(11, { gesture: 'open-palm' })
    const finite = [...depth].filter((distance) => distance !== Infinity)
    const hand = [...depthMap].filter((value) => value > 0)
    expect(hand).toHaveLength(finite.length)
    expect(Math.max(...hand)).toBe(255)
    expect(Math.min(...hand)).toBe(51)
    const nearest = depth.indexOf(Math.min(...finite))
    expect(depthMap[nearest]).toBe(255)
    for (let i = 0; i < mask.length; i++) if (mask[i] === 255) expect(depth[i]).not.toBe(Infinity)
  })

  it.each(gestureNames)('places the landmarks of %s on the hand', (gesture) => {
    for (const seed of [1, 2, 3]) {
      const { keypoints, mask } = render(seed, { gesture })
      expect(keypoints).toHaveLength(21)
      const outside = keypoints.filter(({ x, y }) => !near(mask, x, y, 3))
      expect(outside).toEqual([])
    }
  })

  it('shows as many fingers as it says, counted on the silhouette', () => {
    const cases: { defect: Defect; count: number }[] = [
      { defect: { kind: 'none' }, count: 5 },
      { defect: { kind: 'missing', fingers: ['ring'] }, count: 4 },
      { defect: { kind: 'missing', fingers: ['thumb'] }, count: 4 },
      { defect: { kind: 'missing', fingers: ['middle', 'pinky'] }, count: 3 },
      { defect: { kind: 'extra', place: 'beside-pinky' }, count: 6 },
    ]
    for (const { defect, count } of cases) {
      const seeds = Array.from({ length: 20 }, (_, i) => 40 + i)
      const renders = seeds.map((seed) => render(seed, { gesture: 'open-palm', side: 'palm', defect }))
      expect(renders.every(({ fingers }) => fingers === count)).toBe(true)
      // A turned hand may hide a finger behind another, so nearly all views must agree.
      const agreeing = renders.filter((picture) => silhouetteFingers(picture) === count).length
      expect(agreeing, JSON.stringify(defect)).toBeGreaterThanOrEqual(18)
    }
  })

  it('says tone, background and style that it was asked for', () => {
    const scene = sampleScene(5, { gesture: 'fist', tone: 'dark', style: 'drawing' })
    expect(scene.caption.startsWith('a drawing of a')).toBe(true)
    expect(scene.skin.tone).toBe('dark')
    const captions = Array.from({ length: 60 }, (_, seed) => sampleScene(seed, { tone: 'tan' }).caption)
    expect(captions.some((caption) => caption.includes('tan skin'))).toBe(true)
    expect(captions.some((caption) => !caption.includes('skin'))).toBe(true)
  })
})

describe('a handshake', () => {
  it('has an arm from either side and two hands that meet', () => {
    const picture = renderHandshake(sampleHandshake(3), size)
    const column = (x: number) => Array.from({ length: size.height }, (_, y) => picture.mask[y * size.width + x])
    for (const x of [0, size.width / 2, size.width - 1]) expect(column(x)).toContain(255)
    expect(picture.caption).toMatch(/^a (photo|drawing) of (a|two hands in a) handshake/)
    expect(sha256(renderHandshake(sampleHandshake(3), size).rgb)).toBe(sha256(picture.rgb))
  })
})

function near(mask: Uint8Array, x: number, y: number, reach: number): boolean {
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const [column, row] = [Math.round(x) + dx, Math.round(y) + dy]
      if (column < 0 || row < 0 || column >= size.width || row >= size.height) continue
      if (mask[row * size.width + column] === 255) return true
    }
  }
  return false
}

/**
 * Runs of hand on arcs around the palm that leave out the side of the wrist, the median of five radii: one radius
 * may graze a finger's edge or pass beyond a short finger.
 */
function silhouetteFingers({ mask, keypoints }: HandRender): number {
  const [wrist, knuckle] = [keypoints[0]!, keypoints[9]!]
  const centre = { x: (wrist.x + 2 * knuckle.x) / 3, y: (wrist.y + 2 * knuckle.y) / 3 }
  const palm = Math.hypot(knuckle.x - wrist.x, knuckle.y - wrist.y)
  const wristwards = Math.atan2(wrist.y - centre.y, wrist.x - centre.x)
  const counts = [0.6, 0.68, 0.76, 0.84, 0.92].map((share) => {
    const steps = 720
    const on = Array.from({ length: steps + 1 }, (_, i) => {
      const angle = wristwards + (Math.PI / 180) * (50 + (260 * i) / steps)
      return near(mask, centre.x + share * palm * Math.cos(angle), centre.y + share * palm * Math.sin(angle), 0)
    })
    return on.filter((value, i) => value && !on[i - 1]).length
  })
  return counts.sort((a, b) => a - b)[2]!
}
