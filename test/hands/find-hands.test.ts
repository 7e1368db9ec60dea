import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../src/artefact/png.ts'
import { ConfigError, DatasetError } from '../../src/errors/index.ts'
import { findHands } from '../../src/hands/find-hands.ts'
import { landmarkError, placedIn, renderedHand } from './scenes.ts'

const whole = { zoom: 0 }
const palm = renderedHand(100, { gesture: 'open-palm', side: 'palm', handedness: 'right' })
/** Renders of open palms give 0.02 to 0.03 (experiments/hand-detector); a wrong finger alone gives 0.05. */
const close = 0.05

describe('finding hands', () => {
  it('gives box, side and landmarks of a hand, the same each time', async () => {
    const found = await findHands(palm.picture, whole)
    const { width, height, hands, doubtful } = found
    expect([width, height, hands.length, doubtful.length]).toEqual([256, 256, 1, 0])
    const [hand] = hands
    expect(hand!.side).toBe('right')
    expect(landmarkError(hand!.landmarks, palm.render.keypoints)).toBeLessThan(close)
    for (const { x, y } of hand!.landmarks.slice(5)) {
      expect(x).toBeGreaterThan(hand!.box.left)
      expect(y).toBeLessThan(hand!.box.top + hand!.box.height)
    }
    expect(await findHands(palm.picture, whole)).toEqual(found)
  })

  it('finds two hands, one of them cut off by the edge', async () => {
    const left = renderedHand(103, { gesture: 'open-palm', side: 'palm', handedness: 'left' })
    const both = placedIn(placedIn(palm.picture, 600, 300, 40, 20), 600, 300, 0, 0)
    const cut = placedOver(both, left.picture, 400, 20)
    const { hands } = await findHands(cut, whole)
    const ordered = [...hands].sort((a, b) => a.box.left - b.box.left)
    expect(ordered.map(({ side }) => side)).toEqual(['right', 'left'])
    const known = palm.render.keypoints.map(({ x, y }) => ({ x: x + 40, y: y + 20 }))
    expect(landmarkError(ordered[0]!.landmarks, known)).toBeLessThan(close)
  })

  it('finds the landmarks of a hand that hangs down', async () => {
    const pixels = await sharp(palm.picture.pixels, { raw: { width: 256, height: 256, channels: 3 } })
      .rotate(180)
      .raw()
      .toBuffer()
    const boxes = [{ left: 20, top: 10, width: 220, height: 230 }]
    const { hands } = await findHands({ pixels, width: 256, height: 256 }, { boxes })
    const known = palm.render.keypoints.map(({ x, y }) => ({ x: 256 - x, y: 256 - y }))
    expect(hands[0]!.side).toBe('right')
    expect(landmarkError(hands[0]!.landmarks, known)).toBeLessThan(close)
  })

  it('finds a small hand close up that it overlooks in the whole picture', async () => {
    const small = renderedHand(100, { gesture: 'open-palm', side: 'palm', handedness: 'right' }, 30)
    const scene = placedIn(small.picture, 640, 640, 450, 440)
    expect((await findHands(scene, whole)).hands).toEqual([])
    const { hands } = await findHands(scene, { zoom: 1 })
    const known = small.render.keypoints.map(({ x, y }) => ({ x: x + 450, y: y + 440 }))
    expect(hands).toHaveLength(1)
    // A landmark is a pixel off more easily in a hand of 25 pixels.
    expect(landmarkError(hands[0]!.landmarks, known)).toBeLessThan(2 * close)
  })

  it('looks into given boxes alone, in their order, and doubts one without a hand', async () => {
    const picture = placedIn(palm.picture, 600, 300, 340, 20)
    const empty = { left: 10, top: 40, width: 150, height: 150 }
    const full = { left: 350, top: 25, width: 230, height: 240 }
    const { hands, doubtful } = await findHands(picture, { boxes: [empty, full] })
    expect(hands.map(({ box, confidence }) => ({ box, confidence }))).toEqual([{ box: full, confidence: null }])
    expect(doubtful).toMatchObject([{ box: empty, confidence: null, reason: 'no-hand-seen' }])
    expect(await findHands(picture, { boxes: [] })).toMatchObject({ hands: [], doubtful: [] })
  })

  it('answers in hands or in doubts for a hand of 12 pixels and for boxes beyond the picture', async () => {
    const tiny = renderedHand(100, { gesture: 'open-palm' }, 12)
    const boxes = [
      { left: 30, top: 30, width: 12, height: 12 },
      { left: -500, top: 900, width: 40, height: 40 },
      { left: 20, top: 20, width: 0.001, height: 0.001 },
    ]
    const { hands, doubtful } = await findHands(placedIn(tiny.picture, 64, 64, 30, 30), { boxes })
    expect(hands.length + doubtful.length).toBe(3)
    expect(doubtful.map(({ box }) => box)).toContainEqual(boxes[1])
  })

  it('finds nothing where nothing is', async () => {
    const plain = { pixels: new Uint8Array(64 * 8 * 3).fill(140), width: 64, height: 8 }
    expect(await findHands(plain)).toEqual({ width: 64, height: 8, hands: [], doubtful: [] })
  })

  it('reads grey pictures, alpha and 20 megapixels', async () => {
    const picture = sharp(palm.picture.pixels, { raw: { width: 256, height: 256, channels: 3 } })
    const grey = await picture.clone().greyscale().png().toBuffer()
    const alpha = await picture.clone().ensureAlpha(0.9).webp().toBuffer()
    const large = await picture.clone().resize(4500, 4500).jpeg().toBuffer()
    for (const bytes of [grey, alpha, large]) {
      const { width, hands } = await findHands(bytes, whole)
      const known = palm.render.keypoints.map(({ x, y }) => ({ x: (x * width) / 256, y: (y * width) / 256 }))
      expect(hands).toHaveLength(1)
      expect(landmarkError(hands[0]!.landmarks, known)).toBeLessThan(close)
    }
  })

  it('lets the event loop live', async () => {
    let turns = 0
    let done = false
    const count = (): void => {
      turns++
      if (!done) setImmediate(count)
    }
    count()
    await findHands(palm.picture, whole)
    done = true
    expect(turns).toBeGreaterThan(20)
  })

  it('refuses what is no picture, and settings it does not know', async () => {
    for (const bad of [new Uint8Array(), Buffer.from('not a picture'), 'absent.png']) {
      await expect(findHands(bad)).rejects.toMatchObject({ code: 'unreadable-image' })
    }
    const short = { pixels: new Uint8Array(10), width: 2, height: 2 }
    await expect(findHands(short)).rejects.toBeInstanceOf(DatasetError)
    await expect(findHands(palm.picture, { confidance: 0.3 } as object)).rejects.toThrow(/Did you mean "confidence"/)
    const box = { left: 0, top: Number.NaN, width: 5, height: 5 }
    await expect(findHands(palm.picture, { boxes: [box] })).rejects.toBeInstanceOf(ConfigError)
  })

  it('stops for a signal, and answers the next one', async () => {
    const stop = new AbortController()
    const stopped = findHands(palm.picture, whole, { signal: stop.signal })
    setImmediate(() => stop.abort(new Error('enough')))
    await expect(stopped).rejects.toThrow('enough')
    expect((await findHands(palm.picture, whole)).hands).toHaveLength(1)
  })
})

function placedOver(ground: RgbImage, picture: RgbImage, left: number, top: number): RgbImage {
  const placed = placedIn(picture, ground.width, ground.height, left, top)
  return {
    ...ground,
    pixels: ground.pixels.map((value, i) => ((i / 3) % ground.width < left ? value : placed.pixels[i]!)),
  }
}
