import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Base, Lab, NamedPicture, RepairEvent, RepairRequest } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { BrightSquares } from './bright-squares.ts'

let lab: Lab
let base: Base
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
})
afterAll(() => lab?.close())

/** A dark picture of 60 by 40 pixels with a bright square of 10, its corner at `left`, 12. */
function picture(name: string, left: number | null = 24): NamedPicture {
  const [width, height] = [60, 40]
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)]
    return left !== null && x >= left && x < left + 10 && y >= 12 && y < 22 ? 240 : 20 + ((x * 7 + y * 3) % 40)
  })
  return { name, prompt: 'a square', image: { pixels, width, height } }
}

const quick = { threshold: 0.5, enough: 0.5, sampling: { steps: 2 }, strengths: [0.5, 1], attempts: 2 }
function repair(kit: BrightSquares, images: readonly NamedPicture[], settings: Partial<RepairRequest> = {}) {
  return lab.repair({ base, images, detail: kit, ...quick, ...settings } as RepairRequest)
}

test('the best try of the first strength that is good enough is kept, and nothing else changes', async () => {
  const kit = new BrightSquares([[0.9], [0.8, 0.7], [0.4, 0.2]])
  const given = picture('one')
  const { pictures, counts } = await repair(kit, [given])
  const [{ record, image }] = pictures as [(typeof pictures)[0]]
  expect(counts).toMatchObject({ pictures: 1, details: 1, repaired: 1, reverted: 0, troubled: 0 })
  const detail = record.details[0] as (typeof record.details)[0]
  expect(detail).toMatchObject({ decision: 'repaired', before: { badness: 0.9 } })
  expect(detail?.attempts.map(({ strength, seed, verdict }) => [strength, seed, verdict?.badness])).toEqual([
    [0.5, 0, 0.8],
    [0.5, 1, 0.7],
    [1, 0, 0.4],
    [1, 1, 0.2],
  ])
  expect(detail?.best).toEqual(detail?.attempts[3])
  // What the judge saw at the kept try is what the picture has now.
  const frame = detail?.frame as NonNullable<typeof detail.frame>
  const kept = kit.judged[2]?.[1]?.image.pixels as Uint8Array
  for (let y = 0; y < frame.side; y++) {
    const row = ((frame.top + y) * 60 + frame.left) * 3
    expect(image?.pixels.subarray(row, row + frame.side * 3)).toEqual(
      kept.subarray(y * frame.side * 3, (y + 1) * frame.side * 3),
    )
  }
  const changed = changedPlaces(given, image?.pixels as Uint8Array)
  expect(changed).toHaveLength(record.changedPixels)
  expect(changed.length).toBeGreaterThan(50)
  // The square, 15 % of it on each side, and a rim of a twentieth of the frame.
  const reach = 1.5 + 0.05 * frame.side + 1
  for (const [x, y] of changed) {
    expect(x).toBeGreaterThanOrEqual(24 - reach)
    expect(x).toBeLessThanOrEqual(33 + reach)
    expect(y).toBeGreaterThanOrEqual(12 - reach)
    expect(y).toBeLessThanOrEqual(21 + reach)
  }
})

test('a strength that is good enough ends the tries, and equal requests give equal pixels', async () => {
  const verdicts = [[0.9], [0.8, 0.3]]
  const [first, second] = [new BrightSquares(verdicts), new BrightSquares(verdicts)]
  const before = await repair(first, [picture('one')])
  const after = await repair(second, [picture('one')])
  expect(first.judged).toHaveLength(2)
  expect(before.pictures[0]?.record.details[0]?.best).toMatchObject({ strength: 0.5, seed: 1 })
  expect(after.pictures[0]?.image?.pixels).toEqual(before.pictures[0]?.image?.pixels)
})

test.each([
  ['worse in every try', [[0.6], [0.7, 0.9], [0.8, 1]], {}, 'reverted'],
  ['better by less than the margin', [[0.6], [0.55, 0.58], [0.7, 0.52]], {}, 'reverted'],
  ['better by more than a smaller margin', [[0.6], [0.55, 0.58], [0.7, 0.52]], { margin: 0.05 }, 'repaired'],
  ['tries of which the judge says nothing', [[0.6]], {}, 'reverted'],
  ['a judge that answers NaN', [[Number.NaN]], {}, 'unjudged'],
  ['a detail that is good', [[0.49]], {}, 'good'],
  ['a repair that is worse, kept on purpose', [[0.6], [0.7, 0.9], [0.8, 1]], { margin: -1 }, 'repaired'],
])('%s: %s', async (_, verdicts, settings, decision) => {
  const given = picture('one')
  const { pictures } = await repair(new BrightSquares(verdicts), [given], settings)
  const [{ record, image }] = pictures as [(typeof pictures)[0]]
  expect(record.details.map((detail) => detail.decision)).toEqual([decision])
  expect(changedPlaces(given, image?.pixels as Uint8Array).length > 0).toBe(decision === 'repaired')
})

test('a picture on which a step fails is left alone and told, and the others go on', async () => {
  const kit = new BrightSquares([[0.9], [0.1, 0.9]])
  const find = kit.find.bind(kit)
  kit.find = async (given) => {
    if (given.prompt === 'broken') throw new Error('the detector lost its weights')
    return find(given)
  }
  const events: RepairEvent[] = []
  const run = repair(kit, [{ ...picture('bad'), prompt: 'broken' }, picture('none', null), picture('good')])
  for await (const event of run) events.push(event)
  const { pictures, counts } = await run
  expect(events.map((event) => event.type === 'picture-end' && event.picture.record.name)).toEqual([
    'bad',
    'none',
    'good',
  ])
  expect(pictures[0]?.record.trouble).toEqual({ step: 'find', message: 'the detector lost its weights' })
  expect(pictures[0]?.image?.pixels).toEqual(picture('bad').image.pixels)
  expect(pictures[1]?.record).toMatchObject({ details: [], trouble: null, changedPixels: 0 })
  expect(counts).toMatchObject({ pictures: 3, troubled: 1, details: 1, repaired: 1 })
})

test('a detail that cannot be drawn fails alone', async () => {
  const kit = new BrightSquares([[0.9]])
  kit.fit = async (wrong) =>
    wrong.map(() => [{ name: 'none', confidence: 1, draw: () => Promise.reject(new Error('no shape')) }])
  const { pictures } = await repair(kit, [picture('one')])
  expect(pictures[0]?.record.details[0]).toMatchObject({ decision: 'failed', failure: 'no shape' })
  expect(pictures[0]?.record.changedPixels).toBe(0)
})

test('details beyond the limit, and those without a template, are left alone', async () => {
  const kit = new BrightSquares([[0.9]])
  kit.find = async () =>
    [0.2, 0.8, 0.5].map((confidence) => ({ confidence, box: { left: 3, top: 3, width: 9, height: 9 } }))
  kit.fit = async (wrong) => wrong.map(() => [])
  const { pictures } = await repair(kit, [picture('one')], { limit: 1 })
  const told = pictures[0]?.record.details.map(({ confidence, decision }) => [confidence, decision])
  expect(told).toEqual([
    [0.8, 'no-template'],
    [0.5, 'over-limit'],
    [0.2, 'over-limit'],
  ])
})

test('a detail at the edge is repainted in a frame inside of the picture', async () => {
  const { pictures } = await repair(new BrightSquares([[0.9], [0, 0.9]]), [picture('edge', 0)])
  const [detail] = pictures[0]?.record.details ?? []
  expect(detail).toMatchObject({ decision: 'repaired', frame: { left: 0, side: 16 } })
})

test('a cancelled run rejects, and the worker repairs on', async () => {
  const run = repair(new BrightSquares([[0.9], [0.8, 0.8], [0.1, 0.9]]), [picture('one'), picture('two')])
  run.cancel()
  await expect(run.result).rejects.toMatchObject({ code: 'job-cancelled' })
  const { counts } = await repair(new BrightSquares([[0.9], [0.1, 0.9]]), [picture('one')])
  expect(counts.repaired).toBe(1)
})

test.each([
  [{ images: [] }, /images/],
  [{ strengths: [0.8, 0.4] }, /rise/],
  [{ strength: [0.8] }, /strengths/],
  [{ detail: { type: 'hand' } }, /hands/],
  [
    { images: [{ ...picture('one'), image: { pixels: new Uint8Array(4), width: 2, height: 2 } }] },
    /a path, or a picture with name/,
  ],
])('%j is refused at once', (wrong, message) => {
  expect(() => lab.repair({ base, images: [picture('one')], ...wrong } as RepairRequest)).toThrow(message)
})

function changedPlaces({ image: { pixels, width } }: NamedPicture, after: Uint8Array): [number, number][] {
  const places: [number, number][] = []
  for (let at = 0; at < pixels.length / 3; at++)
    if ([0, 1, 2].some((k) => pixels[3 * at + k] !== after[3 * at + k]))
      places.push([at % width, Math.floor(at / width)])
  return places
}
