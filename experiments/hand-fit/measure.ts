import { parseArgs } from 'node:util'
import { drawHands, findHands, fitHand, type Hand } from 'phalanx'
import { gestureNames } from '../../src/render/gestures.ts'
import { renderHand } from '../../src/render/hand-render.ts'
import { sampleScene } from '../../src/render/scene.ts'

/**
 * How well the rig is fitted to landmarks that the model finds in renders whose truth is known, before and after: joints
 * in the picture, depth, side and gesture, and how far landmarks and depth of the model itself are off.
 */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '5' }, silhouette: { type: 'boolean', default: false } },
})
const size = { width: 256, height: 256 }
const rows: Row[] = []

interface Row {
  readonly gesture: string
  readonly found: number
  readonly fitted: number
  readonly residual: number
  readonly depth: number
  readonly side: boolean
  readonly gestureKnown: boolean
  readonly template: boolean
}

const [pictureErrors, depthErrors]: [number[], number[]] = [[], []]
let unseen = 0
for (const gesture of gestureNames) {
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    const render = renderHand(sampleScene(3_000_000 + seed, { gesture }), size)
    const known = render.keypoints
    const [xs, ys] = [known.map(({ x }) => x), known.map(({ y }) => y)]
    const [left, top] = [Math.min(...xs), Math.min(...ys)]
    const box = { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top }
    const side = Math.max(box.width, box.height)
    const [hand] = (await findHands({ pixels: render.rgb, ...size }, { boxes: [box] })).hands
    if (hand === undefined) {
      unseen++
      continue
    }
    const fit = fitHand(hand, values.silhouette ? { silhouette: { mask: render.mask, ...size } } : {})
    const drawn = await drawHands([fit], size)
    const off = (points: readonly { x: number; y: number }[]): number[] =>
      points.map(({ x, y }, i) => Math.hypot(x - known[i]!.x, y - known[i]!.y) / side)
    pictureErrors.push(...off(hand.landmarks))
    depthErrors.push(...landmarkDepthErrors(hand, known, fit.scale, side))
    rows.push({
      gesture,
      found: mean(off(hand.landmarks)),
      fitted: mean(off(drawn.keypoints[0]!)),
      residual: fit.residual ?? Number.NaN,
      depth: 1000 * depthError(drawn.distance, render.depth),
      side: fit.side === render.handedness,
      gestureKnown: fit.gesture === gesture,
      template: fit.kind === 'template',
    })
  }
}
console.log('| gesture | hands | landmarks off | joints off | depth off | right side | right gesture | template |')
console.log(`|${' --- |'.repeat(8)}`)
for (const gesture of [...gestureNames, null]) {
  const own = rows.filter((row) => gesture === null || row.gesture === gesture)
  const count = (test: (row: Row) => boolean): number => own.filter(test).length
  console.log(
    `| ${gesture ?? 'all'} | ${own.length} | ${mean(own.map(({ found }) => found)).toFixed(3)} | ${mean(own.map(({ fitted }) => fitted)).toFixed(3)} | ${mean(own.map(({ depth }) => depth)).toFixed(1)} mm | ${count(({ side }) => side)} | ${count(({ gestureKnown }) => gestureKnown)} | ${count(({ template }) => template)} |`,
  )
}
const residuals = rows.map(({ residual }) => residual).sort((a, b) => a - b)
const at = (share: number): string => residuals[Math.floor(share * (residuals.length - 1))]!.toFixed(3)
console.log(`\nUnseen by the landmark model: ${unseen}.`)
console.log(`Residuals: median ${at(0.5)}, 95 % below ${at(0.95)}, largest ${at(1)}.`)
// The median of a distance is 1.1774 standard deviations in the plane (Rayleigh) and 0.6745 along a line.
console.log(
  `Standard error of the model's landmarks, robust: ${(median(pictureErrors) / 1.1774).toFixed(3)} along x and y, ${(median(depthErrors) / 0.6745).toFixed(3)} in depth, in shares of the hand's size.`,
)

/** Depth of landmarks from the wrist, by the scale of the fit, against the truth, in shares of the hand's size. */
function landmarkDepthErrors(hand: Hand, known: readonly { z: number }[], scale: number, side: number): number[] {
  return hand.landmarks.map(
    ({ z }, i) => Math.abs(z - hand.landmarks[0]!.z - (known[i]!.z - known[0]!.z) * scale) / side,
  )
}

/** Mean absolute difference of distances where both show a hand, after their means are made equal, metres. */
function depthError(a: Float32Array, b: Float32Array): number {
  const pairs = [...a].map((value, i) => [value, b[i]!] as const).filter(([x, y]) => x !== Infinity && y !== Infinity)
  const shift = mean(pairs.map(([x, y]) => x - y))
  return mean(pairs.map(([x, y]) => Math.abs(x - y - shift)))
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}
