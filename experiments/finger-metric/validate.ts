import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { openLab } from 'phalanx'
import sharp from 'sharp'
import { labelledSamples, printFindings, readCard, writeCard } from './card.ts'
import { evaluate } from './evaluate.ts'
import { drawHands, type HandLabel, readLabels } from './sampled-hands.ts'

/**
 * Compares the classifier with labels that a person gave to samples of a base, and adds the findings to its card. With
 * `--sheets <folder>` it draws the samples to be labelled instead, six to a row, each sheet beginning at its number.
 */
const { values } = parseArgs({
  options: {
    labels: { type: 'string', default: 'experiments/finger-metric/tiny-hands-labels.json' },
    classifier: { type: 'string', default: 'src/weights/finger-classifier' },
    work: { type: 'string', default: 'phalanx-lab/finger-metric' },
    base: { type: 'string', default: 'tiny-hands' },
    sheets: { type: 'string' },
  },
})
const [columns, rows, tile] = [6, 5, 224]

await using lab = await openLab({
  folder: path.resolve(values.work, 'lab'),
  onProgress: ({ text }) => console.log(text),
})
const base = await lab.base(values.base)
const hands = await drawHands(lab, base, path.resolve(values.work, 'samples'))
if (values.sheets === undefined) await compare()
else await writeSheets(path.resolve(values.sheets))

async function compare(): Promise<void> {
  const labels = await readLabels(values.labels, base, hands.length)
  const folder = path.resolve(values.classifier)
  const classifier = path.join(folder, 'finger-classifier.safetensors')
  const judgements = await lab.classify({ classifier, images: hands.map(({ file }) => file) })
  const findings = evaluate(
    labels.map((label, i) => ({
      judgement: judgements[i]!,
      ...label,
      kind: kindOf(label, hands[i]!.fingers),
      openPalm: label.fingers === 5,
    })),
  )
  const card = await readCard(folder)
  const sets = { ...card.sets, [labelledSamples]: findings }
  await writeCard(folder, { ...card, sets })
  printFindings({ [labelledSamples]: findings })
}

/** A malformed hand that shows more or fewer fingers than its prompt asks for. */
function kindOf({ fingers, defect }: HandLabel, asked: number): string {
  if (defect !== true || fingers === null || fingers === asked) return 'sound-count'
  return fingers > asked ? 'extra' : 'missing'
}

async function writeSheets(folder: string): Promise<void> {
  for (let first = 0; first < hands.length; first += columns * rows) {
    const tiles = await Promise.all(
      hands.slice(first, first + columns * rows).map(async ({ file }, i) => ({
        input: await sharp(file).resize(tile, tile, { kernel: 'lanczos3' }).png().toBuffer(),
        left: (i % columns) * (tile + 4),
        top: Math.floor(i / columns) * (tile + 4),
      })),
    )
    const size = { width: columns * (tile + 4), height: rows * (tile + 4) }
    const sheet = sharp({ create: { ...size, channels: 3, background: 'white' } }).composite(tiles)
    await writeFile(path.join(folder, `samples-${String(first).padStart(3, '0')}.png`), await sheet.png().toBuffer())
  }
}
