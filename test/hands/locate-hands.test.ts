import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findHandsSettings } from '../../src/config/hands.ts'
import { intersectionOverSmaller, intersectionOverUnion } from '../../src/hands/box-overlap.ts'
import { detectHands, tilesOf } from '../../src/hands/detect.ts'
import { type Detection, type HandModels, readDetections } from '../../src/hands/hand-models.ts'
import { locateHands } from '../../src/hands/locate-hands.ts'
import { buildPyramid } from '../../src/hands/pyramid.ts'

const picture = { pixels: new Uint8Array(100 * 80 * 3), width: 100, height: 80 }
const settings = findHandsSettings.parse({ zoom: 0 })

/** Models that see one box, and landmarks on a line, unless told otherwise. */
function models(answers: Partial<HandModels>): HandModels {
  const points = Float32Array.from({ length: 63 }, (_, i) => 60 + i)
  return {
    detect: async () => [{ box: { left: 0.2, top: 0.2, width: 0.3, height: 0.3 }, score: 0.9 }],
    landmarks: async () => ({ presence: 0.99, handedness: 0.8, points: points.slice() }),
    ...answers,
  }
}

/** A detector that sees something in the first tile alone, which is the whole picture. */
function once(detections: readonly Detection[]): HandModels['detect'] {
  let asked = 0
  return async () => (asked++ === 0 ? detections : [])
}

describe('locating hands', () => {
  it('takes a box and its landmarks from the models', async () => {
    const { hands } = await locateHands(picture, settings, models({}))
    expect(hands).toMatchObject([{ confidence: 0.9, presence: 0.99, side: 'right' }])
  })

  it.each(['presence', 'handedness', 'points'])(
    'doubts a hand whose %s is not a number, and keeps the others',
    async (field) => {
      let looks = 0
      const sound = models({})
      const broken = models({
        async landmarks(pixels) {
          const answer = await sound.landmarks(pixels)
          // Every way up of the first box is asked for.
          if (looks++ >= 4) return answer
          return { ...answer, [field]: field === 'points' ? answer.points.fill(Number.NaN, 30, 31) : Number.NaN }
        },
      })
      const boxes = [0, 40].map((left) => ({ left, top: 10, width: 30, height: 30 }))
      const found = await locateHands(picture, { ...settings, boxes }, { ...broken })
      expect(found.doubtful).toMatchObject([{ box: boxes[0], presence: null, reason: 'model-not-finite' }])
      expect(found.hands).toMatchObject([{ box: boxes[1] }])
    },
  )

  it('keeps one of two boxes whose landmarks are those of one hand', async () => {
    const box = { left: 0.1, top: 0.31, width: 0.3, height: 0.08 }
    // Landmarks lie in the middle of a box, so boxes far apart are two hands, and two that cross are one.
    const apart = { ...box, left: 0.6 }
    const near = { left: 0.21, top: 0.2, width: 0.08, height: 0.3 }
    for (const [other, count] of [
      [apart, 2],
      [near, 1],
    ] as const) {
      const detect = once([box, other].map((one, i) => ({ box: one, score: 0.9 - i / 10 })))
      const centred = Float32Array.from({ length: 63 }, () => 112)
      const landmarks = async () => ({ presence: 0.99, handedness: 0.2, points: centred })
      const found = await locateHands(picture, settings, models({ detect, landmarks }))
      expect(found.hands).toHaveLength(count)
    }
  })
})

describe('the detector', () => {
  it('passes over faces, empty boxes and what is no number', () => {
    const anchors = [
      { scores: [0.3, 0.9, 0, 0, 0.2, 0, 0], box: [0.1, 0.2, 0.5, 0.6] },
      { scores: [0.3, 0, 0, 0, 0.8, 0, 0], box: [0.1, 0.2, 0.5, 0.6] },
      { scores: [Number.NaN, 0.9, 0, 0, 0, 0, 0], box: [0.1, 0.2, 0.5, 0.6] },
      { scores: [0.9, 0, 0, 0, 0, 0, 0], box: [0.1, Number.NaN, 0.5, 0.6] },
      { scores: [0.9, 0, 0, 0, 0, 0, 0], box: [0.5, 0.2, 0.5, 0.6] },
    ]
    const [scores, boxes] = [anchors.flatMap(({ scores }) => scores), anchors.flatMap(({ box }) => box)]
    const found = readDetections(Float32Array.from(scores), Float32Array.from(boxes))
    expect(found).toHaveLength(1)
    // As float32.
    expect(found[0]!.score).toBeCloseTo(0.9, 6)
    expect(found[0]!.box.left).toBeCloseTo(0.2, 6)
  })
})

describe('tiles', () => {
  it('hold every box of a quarter of their side whole, at every level', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 400, max: 4000 }),
        fc.integer({ min: 400, max: 4000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 2 }),
        (width, height, u, v, level) => {
          const side = Math.max(width, height) / 2 ** level
          const box = Math.min(side / 4, width, height)
          const [left, top] = [u * (width - box), v * (height - box)]
          const tiles = tilesOf(width, height, 2).filter((tile) => tile.side === side)
          const holds = (centre: number, from: number): boolean =>
            from >= centre - side / 2 - 1e-6 && from + box <= centre + side / 2 + 1e-6
          expect(tiles.some(({ centreX, centreY }) => holds(centreX, left) && holds(centreY, top))).toBe(true)
        },
      ),
    )
  })

  it('are not smaller than what the detector can make use of', () => {
    expect(tilesOf(64, 64, 3).map(({ side }) => Math.round(side))).toEqual([64, 102])
  })
})

describe('boxes', () => {
  const unit = fc.double({ min: 0, max: 0.8, noNaN: true })
  const size = fc.double({ min: 0.05, max: 0.2, noNaN: true })
  const detection = fc.record({
    box: fc.record({ left: unit, top: unit, width: size, height: size }),
    score: fc.double({ min: 0.5, max: 1, noNaN: true }),
  })

  it('that overlap are merged into the better one, and no box is lost without a better one over it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(detection, { maxLength: 20 }), async (detections) => {
        const sorted = [...detections].sort((a, b) => b.score - a.score)
        const kept = await detectHands(buildPyramid(picture), models({ detect: once(sorted) }), settings)
        const covers = (a: (typeof kept)[number], b: (typeof kept)[number]): boolean =>
          intersectionOverUnion(a.box, b.box) > 0.3 || intersectionOverSmaller(a.box, b.box) > 0.7
        for (const [i, one] of kept.entries())
          for (const other of kept.slice(i + 1)) expect(covers(one, other)).toBe(false)
        for (const { box, score } of sorted) {
          const placed = {
            box: { left: box.left * 100, top: box.top * 100 - 10, width: box.width * 100, height: box.height * 100 },
            score,
          }
          expect(kept.some((other) => other.score >= score && covers(other, placed))).toBe(true)
        }
      }),
      { numRuns: 50 },
    )
  })
})
