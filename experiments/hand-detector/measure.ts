import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Box, type FoundHands, findHands } from 'phalanx'
import { intersectionOverUnion } from '../../src/hands/box-overlap.ts'
import { gestureNames } from '../../src/render/gestures.ts'
import { renderHand } from '../../src/render/hand-render.ts'
import { sampleScene } from '../../src/render/scene.ts'

/**
 * How well hands are found: in a folder with `boxes.csv` (file, width, height, fingers, xmin, ymin, xmax, ymax), in a
 * folder of digits that shows one hand in each picture, or, without a folder, in renders whose landmarks are known.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: 'string', default: '1' },
    zoom: { type: 'string', default: '0' },
    size: { type: 'string', default: '256' },
    seeds: { type: 'string', default: '8' },
  },
})
const [folder] = positionals
const zoom = Number(values.zoom)
if (folder === undefined) await measureRenders()
else if ((await readdir(folder)).includes('boxes.csv')) await measureBoxes(folder)
else await measureDigits(folder)

async function measureBoxes(place: string): Promise<void> {
  const [, ...rows] = (await readFile(path.join(place, 'boxes.csv'), 'utf8')).trimEnd().split('\n')
  const truth = new Map<string, Box[]>()
  for (const row of rows) {
    const [file, , , , left, top, right, bottom] = row.split(',') as [string, ...string[]]
    const box = {
      left: Number(left),
      top: Number(top),
      width: Number(right) - Number(left),
      height: Number(bottom) - Number(top),
    }
    truth.set(file, [...(truth.get(file) ?? []), box])
  }
  const overlaps: number[] = []
  let [pictures, hands, rightCounts, stray] = [0, 0, 0, 0]
  for (const [file, boxes] of chosen([...truth])) {
    const found = await findHands(path.join(place, file), { zoom })
    const best = boxes.map((box) => Math.max(0, ...found.hands.map((hand) => intersectionOverUnion(hand.box, box))))
    overlaps.push(...best.filter((overlap) => overlap >= 0.5))
    pictures++
    hands += boxes.length
    if (found.hands.length === boxes.length) rightCounts++
    stray += found.hands.filter(({ box }) => boxes.every((other) => intersectionOverUnion(box, other) < 0.3)).length
  }
  console.log(`${pictures} pictures, ${hands} hands with a box, zoom ${zoom}`)
  console.log(
    `found (intersection over union at least 0.5): ${overlaps.length} of ${hands}, ${percent(overlaps.length / hands)}`,
  )
  console.log(`mean intersection over union of these: ${mean(overlaps).toFixed(3)}`)
  console.log(`found where no box is (all below 0.3): ${stray}`)
  console.log(`pictures with as many hands as boxes: ${rightCounts} of ${pictures}`)
}

async function measureDigits(place: string): Promise<void> {
  const counts: string[] = []
  for (let digit = 0; digit <= 9; digit++) {
    const files = chosen((await readdir(path.join(place, String(digit)))).sort())
    let [one, more] = [0, 0]
    for (const file of files) {
      const { hands } = await findHands(path.join(place, String(digit), file), { zoom })
      if (hands.length === 1) one++
      if (hands.length > 1) more++
    }
    counts.push(`${digit}: one hand in ${one} of ${files.length}, more in ${more}`)
  }
  console.log(counts.join('\n'))
}

async function measureRenders(): Promise<void> {
  const size = Number(values.size)
  for (const gesture of gestureNames) {
    const errors: number[] = []
    let [pictures, detected, sides] = [0, 0, 0]
    for (let seed = 0; seed < Number(values.seeds); seed++) {
      const render = renderHand(sampleScene(90_000 + seed, { gesture }), { width: size, height: size })
      const picture = { pixels: render.rgb, width: size, height: size }
      const box = boundsOf(render.keypoints)
      const found = await findHands(picture, { zoom: 0 })
      // A hand that the detector overlooks is given, so that landmarks are judged on all of them.
      const { hands }: FoundHands = found.hands.length > 0 ? found : await findHands(picture, { boxes: [box] })
      pictures++
      if (found.hands.length > 0) detected++
      const [hand] = hands
      if (hand === undefined) continue
      if (hand.side === render.handedness) sides++
      const side = Math.max(box.width, box.height)
      errors.push(
        ...hand.landmarks.map(
          ({ x, y }, i) => Math.hypot(x - render.keypoints[i]!.x, y - render.keypoints[i]!.y) / side,
        ),
      )
    }
    const near = [0.05, 0.1].map((share) => percent(errors.filter((error) => error <= share).length / (21 * pictures)))
    console.log(
      `| ${gesture} | ${detected} of ${pictures} | ${mean(errors).toFixed(3)} | ${near.join(' | ')} | ${sides} of ${pictures} |`,
    )
  }
}

function boundsOf(points: readonly { readonly x: number; readonly y: number }[]): Box {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)]
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  return { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top }
}

function chosen<Item>(items: readonly Item[]): Item[] {
  return items.filter((_, i) => i % Number(values.every) === 0)
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
