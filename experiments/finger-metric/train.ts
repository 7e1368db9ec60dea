import { appendFile, mkdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Lab, openLab } from 'phalanx'
import { printFindings, writeCard } from './card.ts'
import { evaluate, type Finding, type JudgedHand } from './evaluate.ts'
import { type HandFacts, writeHands } from './labelled-hands.ts'
import { copyPhotographs, heldOutEvery, readPhotographs } from './photographs.ts'

/**
 * Trains the finger classifier through the lab and writes its card: what it was asked and how well it answered. Run
 * validate.ts after it: what is known of samples of tiny-hands holds for one classifier and is not in the new card.
 */
const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'src/weights/finger-classifier' },
    work: { type: 'string', default: 'phalanx-lab/finger-metric' },
    photographs: { type: 'string' },
    steps: { type: 'string', default: '2400' },
    seed: { type: 'string', default: '0' },
  },
})
const counts = { train: 4500, heldOut: 1000 }
const output = path.resolve(values.output)
const work = path.resolve(values.work)
await mkdir(work, { recursive: true })
const photographs = values.photographs === undefined ? [] : await readPhotographs(values.photographs)

const trainFolder = path.join(work, photographs.length === 0 ? 'train' : 'train-with-photographs')
const heldOutFolder = path.join(work, 'held-out')
if (!(await exists(trainFolder))) {
  await writeHands(trainFolder, 'train', counts.train)
  const rows = await copyPhotographs(
    photographs.filter(({ person }) => person % heldOutEvery !== 0),
    trainFolder,
  )
  await appendFile(path.join(trainFolder, 'metadata.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
}
if (!(await exists(heldOutFolder))) await writeHands(heldOutFolder, 'held-out', counts.heldOut)

await using lab = await openLab({ folder: path.join(work, 'lab'), onProgress: ({ text }) => console.log(text) })
const dataset = await lab.dataset(trainFolder)
const file = path.join(output, 'finger-classifier.safetensors')
const run = lab.trainClassifier({ dataset, file, steps: Number(values.steps), seed: Number(values.seed) })
for await (const event of run) {
  if (event.type === 'step-end' && event.step % 100 === 0) console.log(`${event.step} ${event.loss.toFixed(4)}`)
}
const trained = await run.result

const sets: Record<string, Finding[]> = {
  'held-out renders (tone, backgrounds and one gesture never trained on)': await judgeRenders(lab),
}
const heldOutPhotographs = photographs.filter(({ person }) => person % heldOutEvery === 0)
if (heldOutPhotographs.length > 0) {
  const judgements = await lab.classify({
    classifier: file,
    images: heldOutPhotographs.map((photograph) => photograph.file),
  })
  const people = new Set(heldOutPhotographs.map(({ person }) => person)).size
  sets[`photographs of ${people} people never trained on`] = evaluate(
    heldOutPhotographs.map(({ fingers }, i) => ({
      judgement: judgements[i]!,
      fingers,
      defect: false,
      kind: 'photograph',
      openPalm: fingers === 5,
    })),
  )
}
await writeCard(output, {
  file: { sha256: trained.file.sha256, bytes: trained.file.bytes, parameters: trained.parameters },
  training: {
    renders: counts.train,
    photographs: photographs.length - heldOutPhotographs.length,
    steps: Number(values.steps),
    seed: Number(values.seed),
    finalLoss: trained.finalLoss,
    seconds: Math.round(trained.seconds),
    versions: lab.environment.versions,
  },
  sets,
})
printFindings(sets)

async function judgeRenders(open: Lab): Promise<Finding[]> {
  const text = await readFile(path.join(heldOutFolder, 'metadata.jsonl'), 'utf8')
  const facts = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as HandFacts)
  const judgements = await open.classify({
    classifier: file,
    images: facts.map(({ file_name }) => path.join(heldOutFolder, file_name)),
  })
  return evaluate(
    facts.map(
      ({ fingers, defect, kind, gesture }, i): JudgedHand => ({
        judgement: judgements[i]!,
        fingers,
        defect,
        kind,
        openPalm: gesture === 'open-palm',
      }),
    ),
  )
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  )
}
