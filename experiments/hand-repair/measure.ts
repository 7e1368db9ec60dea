import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { openLab, type RepairedPicture, type RepairRequest } from 'phalanx'
import { encodePng, type RgbImage } from '../../src/artefact/png.ts'
import { wilsonInterval } from '../../src/metrics/index.ts'
import { atomicWrite } from '../../src/util/atomic-write.ts'
import { drawHands, readLabels } from '../finger-metric/sampled-hands.ts'

/**
 * Repairs samples of tiny-hands that a person labelled by four recipes, and counts with another classifier than the one
 * that the loop listens to: bad hands that became good, good hands that were touched or became bad.
 */
const { values } = parseArgs({
  options: {
    work: { type: 'string', default: 'phalanx-lab/hand-repair' },
    labels: { type: 'string', default: 'experiments/finger-metric/tiny-hands-labels.json' },
    /** Finger classifier that nothing in the loop has seen: train.ts of finger-metric with another --seed. */
    judge: { type: 'string' },
    /** Every so many of the labelled samples. */
    every: { type: 'string', default: '1' },
  },
})
if (values.judge === undefined) throw new Error('Name a finger classifier that the loop does not use: --judge <file>.')
const { judge } = values
const work = path.resolve(values.work)
const sampling = { steps: 30, guidance: 4 } as const

await using lab = await openLab({ folder: work, onProgress: ({ text }) => console.log(text) })
const base = await lab.base('tiny-hands')
const { file } = await lab.controlNet('tiny-hands-depth')
const drawn = await drawHands(lab, base, path.join(work, 'labelled'))
const labels = await readLabels(values.labels, base, drawn.length)
const hands = drawn
  .map((hand, i) => ({ ...hand, ...labels[i]!, wanted: hand.fingers, shown: labels[i]!.fingers }))
  .filter(({ shown, defect }, i) => shown !== null && defect !== null && i % Number(values.every) === 0)
const bad = hands.map(({ defect, shown, wanted }) => defect === true || shown !== wanted)

/** HandRefiner repaints every hand at a fixed strength after its depth; ADetailer every hand without depth. */
const recipes: Readonly<Record<string, Partial<RepairRequest>>> = {
  'judged, with depth': { control: { file } },
  'judged, without depth': {},
  'all, with depth (as HandRefiner)': { control: { file }, threshold: 0, margin: -1, strengths: [0.55], attempts: 1 },
  'all, without depth (as ADetailer)': { threshold: 0, margin: -1, strengths: [0.4], attempts: 1 },
}
const images = hands.map(({ file: image }) => image)
console.log(`${hands.length} hands, ${bad.filter(Boolean).length} of them bad`)
const before = await soundness(images)
report('as they are', before, null, 0)
for (const [name, settings] of Object.entries(recipes)) {
  const began = performance.now()
  const { pictures } = await lab.repair({ base, images, sampling, ...settings })
  const seconds = (performance.now() - began) / 1000
  report(name, await soundness(await save(name, pictures)), pictures, seconds)
}

/** Draws whole pictures anew with as many seeds as a repair tries at most, and takes the one the loop's judge likes best. */
const began = performance.now()
const seeds = Array.from({ length: 12 }, (_, i) => 9000 + i)
const best: string[] = []
for (const [i, { prompt, file: image, wanted }] of hands.entries()) {
  const tries = await lab.sample({ base, prompts: [prompt], seeds, ...sampling })
  const files = await Promise.all(tries.map((one, k) => savePixels(`best-of-n-${i}-${k}`, one)))
  const all = [image, ...files]
  const judgements = await lab.classify({ images: all })
  const badness = judgements.map((one) => 1 - one.fingerProbabilities[wanted]! * (1 - one.defectProbability))
  const keep = badness[0]! < 0.95
  best.push(keep ? image : all[badness.indexOf(Math.min(...badness))]!)
}
report('best of 12 whole pictures', await soundness(best), null, (performance.now() - began) / 1000)

function report(name: string, sound: readonly boolean[], pictures: readonly RepairedPicture[] | null, seconds: number) {
  const good = bad.map((one) => !one)
  const repaired = count(bad, (i) => sound[i]!)
  const broken = count(good, (i) => !sound[i]! && before[i]!)
  const touched = pictures === null ? null : count(good, (i) => pictures[i]!.record.changedPixels > 0)
  const found = pictures?.filter(({ record }) => record.details.length > 0).length
  console.log(
    `${name}: bad hands now sound ${repaired}; good ones changed ${touched ?? '–'}, no longer sound ${broken}; ` +
      `${found ?? '–'} found; ${(seconds / hands.length).toFixed(1)} s a hand`,
  )
}

function count(among: readonly boolean[], holds: (i: number) => boolean): string {
  const chosen = among.flatMap((one, i) => (one ? [i] : []))
  const held = chosen.filter(holds).length
  const { low, high } = wilsonInterval(held, chosen.length)
  return `${held}/${chosen.length} (${Math.round(100 * low)} to ${Math.round(100 * high)} %)`
}

/** Whether the other judge sees the fingers that the prompt asks for, and no wrong anatomy. */
async function soundness(files: readonly string[]): Promise<boolean[]> {
  const judgements = await lab.classify({ images: [...files], classifier: path.resolve(judge) })
  return judgements.map((one, i) => one.fingers === hands[i]!.wanted && one.defectProbability < 0.5)
}

function save(name: string, pictures: readonly RepairedPicture[]): Promise<string[]> {
  return Promise.all(pictures.map(({ image }, i) => savePixels(`${name}-${i}`, image as RgbImage)))
}

async function savePixels(name: string, image: RgbImage): Promise<string> {
  const target = path.join(work, 'pictures', `${name}.png`)
  await mkdir(path.dirname(target), { recursive: true })
  await atomicWrite(target, await encodePng(image))
  return target
}
