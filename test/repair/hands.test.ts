import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Base, hands, type Lab, type NamedPicture } from '../../src/index.ts'
import { renderHand } from '../../src/render/hand-render.ts'
import { type SceneOptions, sampleScene } from '../../src/render/scene.ts'
import { openTestLab } from '../../src/testing/index.ts'

let lab: Lab
let base: Base
beforeAll(async () => {
  lab = await openTestLab()
  base = await lab.base('tiny-hands')
})
afterAll(() => lab?.close())

const side = 128
function render(name: string, seed: number, options: SceneOptions): { picture: NamedPicture; mask: Uint8Array } {
  const { rgb, mask, caption } = renderHand(sampleScene(seed, options), { width: side, height: side })
  return { picture: { name, prompt: caption, image: { pixels: rgb, width: side, height: side } }, mask }
}

const palm = { gesture: 'open-palm', side: 'palm', style: 'photo', handedness: 'left' } as const
const quick = { threshold: 0.5, strengths: [0.9], attempts: 1, sampling: { steps: 2 } }

test('a sound hand is left alone, and a hand of six fingers is repainted in its box', async () => {
  const sound = render('sound', 3, palm)
  const sixth = render('sixth', 3, { ...palm, defect: { kind: 'extra', place: 'beside-pinky' } })
  const { pictures } = await lab.repair({ base, images: [sound.picture, sixth.picture], margin: -1, ...quick })
  const [good, bad] = pictures.map(({ record }) => record)
  expect(good?.details.map(({ decision }) => decision)).toEqual(['good'])
  expect(pictures[0]?.image?.pixels).toEqual(sound.picture.image.pixels)
  expect(bad?.details).toMatchObject([
    { decision: 'repaired', attempts: [{ hypothesis: expect.stringContaining('left') }] },
  ])
  expect(bad?.details[0]?.before?.seen).toContain('5 expected')
})

test('what the template shows is the hand that is there', async () => {
  const { picture, mask } = render('palm', 5, palm)
  const detail = hands()
  const { pictures } = await lab.repair({ base, images: [picture], detail, ...quick, threshold: 0, margin: -1 })
  const frame = pictures[0]?.record.details[0]?.frame as { left: number; top: number; side: number }
  const template = pictures[0]?.pictures[0]?.template as { pixels: Uint8Array; width: number; height: number }
  const { width, height, pixels } = template
  const inPicture = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(frame.side, frame.side, { kernel: 'nearest' })
    .extractChannel(0)
    .raw()
    .toBuffer()
  let [both, either] = [0, 0]
  for (let at = 0; at < frame.side * frame.side; at++) {
    const [x, y] = [frame.left + (at % frame.side), frame.top + Math.floor(at / frame.side)]
    const hand = mask[y * side + x] === 255 && y < side * 0.8
    const drawn = (inPicture[at] as number) > 0 && y < side * 0.8
    if (hand || drawn) either += 1
    if (hand && drawn) both += 1
  }
  // A hand that is mirrored, turned or placed wrongly overlaps by less than half.
  expect(both / either).toBeGreaterThan(0.6)
})

test('a picture without hands, and a grey one, are left alone; boxes that are given are gone through', async () => {
  const grey = { pixels: new Uint8Array(96 * 96 * 3).fill(128), width: 96, height: 96 }
  const named = { name: 'grey', prompt: '', image: grey }
  const { pictures } = await lab.repair({ base, images: [named], ...quick })
  expect(pictures[0]?.record).toMatchObject({ details: [], trouble: null, prompt: 'a photo of a hand' })
  const boxes = [{ left: 20, top: 20, width: 40, height: 50 }]
  const given = await lab.repair({
    base,
    images: [named],
    detail: hands({ search: { boxes } }),
    ...quick,
    threshold: 0,
  })
  expect(given.pictures[0]?.record.details).toMatchObject([{ confidence: null, attempts: [expect.anything()] }])
})
