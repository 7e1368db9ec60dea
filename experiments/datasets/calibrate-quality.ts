/**
 * Fits the rules of `src/quality/suspicion.ts` on half of the recordings of real photographs and says how well they and each
 * single score do on the other half.
 *
 *   npx tsx experiments/datasets/calibrate-quality.ts <folder>
 *
 * Sound pictures are the photographs; others are made of them by known damage, and clip-art of 3D emoji and of drawn hands.
 * A file's name without its number says which recording it is of, as in the HandsDataset of Subhi Hadri (Apache-2.0).
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { auc } from '../../src/metrics/auc.ts'
import { wilsonInterval } from '../../src/metrics/proportion.ts'
import {
  decodeWorkingImage,
  type QualityScores,
  type SuspicionFeature,
  type SuspicionKind,
  scoreImage,
  suspicionFeatures,
} from '../../src/quality/index.ts'
import { drawnHand, emojiPicture } from './clip-art.ts'
import { damages, framed } from './damage-photographs.ts'
import { fitLogistic } from './logistic-regression.ts'

interface Scored {
  /** What was done to it; `photograph` for what is sound. */
  readonly name: string
  readonly kind: SuspicionKind | 'sound' | 'framed'
  readonly isFitted: boolean
  readonly scores: QualityScores
}

/** Features that each kind is told by, and the scores that are looked at by themselves. */
const features: Readonly<Record<SuspicionKind, readonly SuspicionFeature[]>> = {
  watermark: ['textOverlay', 'logPattern', 'logSharpness'],
  clipArt: ['flatArea', 'logColours'],
  littleDetail: ['logSharpness'],
}
const kinds = Object.keys(features) as SuspicionKind[]
const clipArtPerKind = 40
const largestImage = 2 ** 26

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('Name a folder of photographs.')
const photographs = (await readdir(folder)).filter((name) => /\.jpe?g$/i.test(name)).toSorted()
const fitted = halfOf(photographs.map(recordingOf))
const scored = await scoreAll(folder)
const [sound, soundFitted] = [of('sound', false), of('sound', true)]
console.log(`${photographs.length} photographs of ${new Set(photographs.map(recordingOf)).size} recordings; rules are fitted on
${soundFitted.length} of ${fitted.size} recordings, and all figures are of the other ${sound.length}.\n`)
for (const kind of kinds) reportKind(kind)
reportFrames()

function reportKind(kind: SuspicionKind): void {
  const names = features[kind]
  const row = ({ scores }: Scored): number[] => names.map((name) => suspicionFeatures[name](scores))
  const [positives, others] = [of(kind, true), soundFitted]
  const { weights, bias } = fitLogistic([...positives, ...others].map(row), [
    ...positives.map(() => 1),
    ...others.map(() => 0),
  ])
  const suspicion = (one: Scored): number =>
    1 / (1 + Math.exp(-row(one).reduce((sum, value, j) => sum + value * (weights[j] as number), bias)))
  const threshold = bestThreshold(positives.map(suspicion), others.map(suspicion))
  const rule = {
    bias: round(bias),
    weights: Object.fromEntries(names.map((name, j) => [name, round(weights[j] as number)])),
  }
  console.log(`${kind}: ${JSON.stringify({ ...rule, threshold: round(threshold) })}`)
  const held = of(kind, false)
  const called = sound.filter((one) => suspicion(one) >= threshold).length
  const share = wilsonInterval(called, sound.length)
  const falsely = called / sound.length
  console.log(`  sound ones called so: ${percent(falsely)} (${percent(share.low)} to ${percent(share.high)})`)
  console.log(
    `  ${'pictures'.padEnd(32)}${'n'.padStart(5)}${'AUC'.padStart(8)}${'95 %'.padStart(16)}${'recall'.padStart(9)}${'precision'.padStart(11)}`,
  )
  for (const name of ['all', ...new Set(held.map((one) => one.name))]) {
    const group = held.filter((one) => name === 'all' || one.name === name)
    const recall = group.filter((one) => suspicion(one) >= threshold).length / group.length
    const found = auc(group.map(suspicion), sound.map(suspicion))
    const interval = `${found.low.toFixed(3)} to ${found.high.toFixed(3)}`
    // Of as many such pictures as sound ones.
    const precision = recall === 0 ? '-' : percent(recall / (recall + falsely))
    console.log(
      `  ${name.padEnd(32)}${String(group.length).padStart(5)}${found.auc.toFixed(3).padStart(8)}${interval.padStart(16)}${percent(recall).padStart(9)}${precision.padStart(11)}`,
    )
  }
  for (const name of names) {
    const value = ({ scores }: Scored): number => suspicionFeatures[name](scores)
    const alone = auc(held.map(value), sound.map(value)).auc
    console.log(`  ${name} alone: ${Math.max(alone, 1 - alone).toFixed(3)}`)
  }
  console.log()
}

function reportFrames(): void {
  const found = of('framed', false).filter(({ scores }) => scores.borders >= 0.1).length
  const falsely = sound.filter(({ scores }) => scores.borders >= 0.1).length
  console.log(
    `borders: a frame is found in ${found} of ${of('framed', false).length} framed ones and in ${falsely} of ${sound.length} sound ones`,
  )
}

async function scoreAll(root: string): Promise<Scored[]> {
  const all: Scored[] = []
  const add = async (one: Omit<Scored, 'scores'>, picture: Buffer): Promise<void> => {
    // Everything is compressed alike, so that nothing is told by that.
    const bytes = await sharp(picture).jpeg({ quality: 88 }).toBuffer()
    const image = await decodeWorkingImage(bytes, await sharp(bytes).metadata(), largestImage)
    all.push({ ...one, scores: scoreImage(image) })
  }
  for (const [seed, file] of photographs.entries()) {
    const photograph = await sharp(await readFile(join(root, file)))
      .autoOrient()
      .png({ compressionLevel: 1 })
      .toBuffer()
    const isFitted = fitted.has(recordingOf(file))
    await add({ name: 'photograph', kind: 'sound', isFitted }, photograph)
    await add({ name: 'framed', kind: 'framed', isFitted }, await framed(photograph, seed))
    for (const { name, kind, make } of damages) await add({ name, kind, isFitted }, await make(photograph, seed))
  }
  for (let seed = 0; seed < clipArtPerKind; seed++) {
    const common = { kind: 'clipArt' as const, isFitted: seed % 2 === 0 }
    await add({ name: '3D emoji', ...common }, await emojiPicture(seed))
    await add({ name: 'drawn hand', ...common }, await drawnHand(seed))
  }
  return all
}

function of(kind: Scored['kind'], isFitted: boolean): Scored[] {
  return scored.filter((one) => one.kind === kind && one.isFitted === isFitted)
}

function recordingOf(file: string): string {
  return file.replace(/_?(?:pic)?\d+\.\w+$/, '')
}

/** Recordings with about half of the files: from the largest on, each to the side that has fewer. */
function halfOf(recordings: readonly string[]): ReadonlySet<string> {
  const counts = new Map<string, number>()
  for (const one of recordings) counts.set(one, (counts.get(one) ?? 0) + 1)
  const chosen = new Set<string>()
  let balance = 0
  for (const [recording, count] of [...counts].toSorted(([, a], [, b]) => b - a)) {
    if (balance <= 0) chosen.add(recording)
    balance += chosen.has(recording) ? count : -count
  }
  return chosen
}

/** Where the share of those found less that of sound ones called so is greatest (Youden 1950). */
function bestThreshold(positives: readonly number[], negatives: readonly number[]): number {
  const shareFrom = (values: readonly number[], least: number): number =>
    values.filter((value) => value >= least).length / values.length
  const gain = (least: number): number => shareFrom(positives, least) - shareFrom(negatives, least)
  return [...positives, ...negatives].reduce((best, value) => (gain(value) > gain(best) ? value : best), 0.5)
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`
}
