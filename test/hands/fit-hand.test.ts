import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors/index.ts'
import { drawHands } from '../../src/hands/draw-hands.ts'
import { fitHand } from '../../src/hands/fit-hand.ts'
import { gestureNames } from '../../src/render/gestures.ts'
import { knownHand, landmarkError, renderedHand } from './scenes.ts'

const size = { width: 256, height: 256 }

describe('fitting a hand', () => {
  it.each(gestureNames)('finds side, gesture, joints and depth of %s from its landmarks', async (gesture) => {
    const { render, scene } = renderedHand(300, { gesture })
    const hand = knownHand(render, scene)
    const fit = fitHand(hand)
    expect(fit).toMatchObject({ kind: 'fitted', side: render.handedness, gesture })
    const drawn = await drawHands([fit], size)
    // Renders are in perspective, which moves joints by about a hundredth of the hand; the fit knows none.
    expect(landmarkError(drawn.keypoints[0]!, render.keypoints)).toBeLessThan(0.02)
    // Measured: 2 to 4 mm (experiments/hand-fit), of a hand that is 50 to 100 mm deep.
    expect(depthError(drawn.distance, render.depth)).toBeLessThan(0.006)
  })

  it('is not led astray by landmarks that are a few hundredths off', () => {
    const { render, scene } = renderedHand(301, { gesture: 'victory' })
    const hand = knownHand(render, scene)
    const side = Math.max(hand.box.width, hand.box.height)
    const landmarks = hand.landmarks.map(({ x, y, z }, i) => ({
      x: x + 0.03 * side * Math.sin(7 * i),
      y: y + 0.03 * side * Math.cos(11 * i),
      z: z + 0.1 * side * Math.sin(5 * i),
    }))
    expect(fitHand({ ...hand, landmarks })).toMatchObject({
      kind: 'fitted',
      side: render.handedness,
      gesture: 'victory',
    })
  })

  it('comes nearer to the truth by a silhouette, which may show the arm', async () => {
    const { render, scene } = renderedHand(301, { gesture: 'open-palm' })
    const hand = knownHand(render, scene)
    const side = Math.max(hand.box.width, hand.box.height)
    const landmarks = hand.landmarks.map(({ x, y, z }, i) => ({
      x: x + 0.04 * side * Math.sin(7 * i),
      y: y + 0.04 * side,
      z,
    }))
    const errors: number[] = []
    for (const silhouette of [null, { mask: render.mask, ...size }]) {
      const { keypoints } = await drawHands([fitHand({ ...hand, landmarks }, { silhouette })], size)
      errors.push(landmarkError(keypoints[0]!, render.keypoints))
    }
    expect(errors[1]!).toBeLessThan(0.75 * errors[0]!)
  })

  it('tells both sides when nothing speaks for one', () => {
    const { render, scene } = renderedHand(302, { gesture: 'open-palm', side: 'palm' })
    const hand = knownHand(render, scene)
    // Without depth the palm of one hand has the outline of the back of the other.
    const landmarks = hand.landmarks.map(({ x, y }) => ({ x, y, z: 0 }))
    const fit = fitHand({ ...hand, sideConfidence: 0.5, landmarks })
    const ways = fit.kind === 'fitted' ? [fit, ...fit.alternatives] : []
    expect(new Set(ways.map(({ side }) => side))).toEqual(new Set(['left', 'right']))
    const known = fitHand(hand)
    expect(known.kind === 'fitted' && known.alternatives).toEqual([])
  })

  it('heeds the gesture of the prompt', () => {
    const { render, scene } = renderedHand(303, { gesture: 'relaxed' })
    const fits = (['relaxed', 'fist'] as const).map((gesture) =>
      fitHand(knownHand(render, scene), { gesture, worst: 1 }),
    )
    const bend = fits.map(({ pose }) => pose.rotations.get(12)!.flex)
    // The middle joint of the middle finger bends 28° in one and 95° in the other.
    expect(bend[1]!).toBeGreaterThan(bend[0]! + 1)
  })

  it('puts a template into the box where there are no landmarks, or nothing fits', async () => {
    const box = { left: 40, top: 60, width: 120, height: 160 }
    const doubt = { box, confidence: 0.8, presence: 0.1, reason: 'no-hand-seen' } as const
    const template = fitHand(doubt, { gesture: 'open-palm' })
    expect(template).toMatchObject({ kind: 'template', reason: 'no-landmarks', gesture: 'open-palm', residual: null })
    const { keypoints } = await drawHands([template], size)
    for (const { x, y } of keypoints[0]!) {
      expect(x).toBeGreaterThan(box.left)
      expect(x).toBeLessThan(box.left + box.width)
      expect(y).toBeGreaterThan(box.top)
      expect(y).toBeLessThan(box.top + box.height)
    }
    const { render, scene } = renderedHand(304, { gesture: 'open-palm' })
    const hand = knownHand(render, scene)
    const shuffled = hand.landmarks.map((_, i) => hand.landmarks[(i * 8) % 21]!)
    expect(fitHand({ ...hand, landmarks: shuffled })).toMatchObject({ kind: 'template', reason: 'nothing-fits' })
    const empty = { mask: new Uint8Array(size.width * size.height), ...size }
    expect(fitHand(hand, { silhouette: empty })).toMatchObject({ kind: 'fitted', side: render.handedness })
    const broken = hand.landmarks.map((point, i) => (i === 4 ? { ...point, x: Number.NaN } : point))
    for (const landmarks of [broken, hand.landmarks.map(() => ({ x: 5, y: 5, z: 0 })), []]) {
      expect(fitHand({ ...hand, landmarks })).toMatchObject({
        kind: 'template',
        reason: 'nothing-fits',
        residual: null,
      })
    }
  })

  it('refuses a gesture that it does not know, and a mask of another size', () => {
    const doubt = {
      box: { left: 0, top: 0, width: 9, height: 9 },
      confidence: 1,
      presence: 0,
      reason: 'no-hand-seen',
    } as const
    expect(() => fitHand(doubt, { gesture: 'fists' } as object)).toThrow(ConfigError)
    const silhouette = { mask: new Uint8Array(9), width: 10, height: 10 }
    expect(() => fitHand(doubt, { silhouette })).toThrow(/a byte for each pixel/)
    expect(() => fitHand(doubt, { gestures: 'fist' } as object)).toThrow(/Did you mean "gesture"/)
  })
})

/** Mean absolute difference of distances where both show a hand, after their means are made equal, metres. */
function depthError(a: Float32Array, b: Float32Array): number {
  const pairs = [...a].map((value, i) => [value, b[i]!] as const).filter(([x, y]) => x !== Infinity && y !== Infinity)
  const shift = pairs.reduce((sum, [x, y]) => sum + x - y, 0) / pairs.length
  return pairs.reduce((sum, [x, y]) => sum + Math.abs(x - y - shift), 0) / pairs.length
}
