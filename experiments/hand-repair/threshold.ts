import path from 'node:path'
import { parseArgs } from 'node:util'
import { type DetailCrop, openLab } from 'phalanx'
import { decodeRgb } from '../../src/artefact/png.ts'
import { findHands } from '../../src/hands/index.ts'
import { wilsonInterval } from '../../src/metrics/index.ts'
import { judgeHands } from '../../src/repair/judge-hands.ts'
import { drawHands, readLabels } from '../finger-metric/sampled-hands.ts'

/**
 * What the repair's threshold costs and brings, on the samples of tiny-hands that a person labelled: the share of good
 * hands that would be touched against the share of bad ones that would be repaired.
 */
const { values } = parseArgs({
  options: {
    work: { type: 'string', default: 'phalanx-lab/hand-repair' },
    labels: { type: 'string', default: 'experiments/finger-metric/tiny-hands-labels.json' },
  },
})
const work = path.resolve(values.work)
await using lab = await openLab({ folder: work, onProgress: ({ text }) => console.log(text) })
const base = await lab.base('tiny-hands')
const hands = await drawHands(lab, base, path.join(work, 'labelled'))
const labels = await readLabels(values.labels, base, hands.length)

const known = hands.flatMap((hand, i) => {
  const { fingers, defect } = labels[i]!
  return fingers === null || defect === null ? [] : [{ ...hand, bad: defect || fingers !== hand.fingers }]
})
const crops: (DetailCrop | null)[] = []
for (const { file, prompt } of known) {
  const image = await decodeRgb(file)
  const [hand] = (await findHands(image)).hands
  crops.push(hand === undefined ? null : { image, box: hand.box, prompt })
}
const found = crops.filter((crop) => crop !== null)
const verdicts = await judgeHands(found, (images) => lab.classify({ images }))
const judged = known.map(({ bad }, i) => {
  const crop = crops[i] ?? null
  return { bad, badness: crop === null ? null : verdicts[found.indexOf(crop)]!.badness }
})
const [good, bad] = [judged.filter((one) => !one.bad), judged.filter((one) => one.bad)]
console.log(`${good.length} good hands, ${missed(good)} not found; ${bad.length} bad ones, ${missed(bad)} not found`)
for (const threshold of [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
  console.log(`${threshold.toFixed(2)}  touched ${share(good, threshold)}  repaired ${share(bad, threshold)}`)

function missed(hands: typeof judged): number {
  return hands.filter(({ badness }) => badness === null).length
}

function share(hands: typeof judged, threshold: number): string {
  const over = hands.filter(({ badness }) => badness !== null && badness >= threshold).length
  const { low, high } = wilsonInterval(over, hands.length)
  return `${over}/${hands.length} (${[low, high].map((end) => `${Math.round(100 * end)} %`).join(' to ')})`
}
