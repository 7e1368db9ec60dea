import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { buildReport, defineStudy, fingerCount, lora } from 'phalanx'
import sharp from 'sharp'
import type { Cell } from '../../src/study/cell.ts'
import { CellStore } from '../../src/study/cell-store.ts'
import type { StudyFacts } from '../../src/study/facts.ts'
import { planCells, type StudyPlan } from '../../src/study/plan.ts'
import { runCells, type StepContext, type StepResult } from '../../src/study/run-cells.ts'
import { writeStudyFolder } from '../../src/study/write-study-folder.ts'
import { RandomStream } from '../../src/util/random.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { seconds } from './bare-socket.ts'
import type { Row } from './table.ts'

/** Arms, and prompts of each: 500 trainings, 5,000 sets of samples and as many of judgements, and the baseline's. */
const [rates, ranks, promptCount] = [20, 25, 10]

/** Planning, running and reporting a study of more than 10,000 cells whose steps cost nothing; no worker is needed. */
export async function measureLargeStudy(folder: string): Promise<Row[]> {
  await mkdir(folder, { recursive: true })
  planLarge()
  const heapBefore = heap()
  const plan = planLarge()
  const kept = heap() - heapBefore
  const plans: number[] = []
  for (let i = 0; i < 5; i++) plans.push(await seconds(async () => void planLarge()))
  const store = new CellStore(join(folder, 'cells'))
  const picture = join(folder, 'picture.png')
  await drawNoise(picture)
  const runStep = (cell: Cell, context: StepContext) => doNothing(cell, context, picture)
  let results: Awaited<ReturnType<typeof runCells>> | undefined
  const run = async () => {
    results = await runCells({ cells: plan.cells, store, runStep, workers: 4 })
  }
  const first = await seconds(run)
  const cached = await seconds(run)
  const target = join(folder, 'study')
  const write = async () => {
    if (results !== undefined) await writeStudyFolder({ plan, ...results, finished: true, store, folder: target })
  }
  const written = await seconds(write)
  const report = await seconds(async () => void (await buildReport(target)))
  const count = plan.cells.length
  const median = plans.sort((a, b) => a - b)[2] ?? Number.NaN
  return [
    rowOf(
      `plan of ${count} cells, from the definition`,
      `${median.toFixed(2)} s, keeps ${(kept / 1e6).toFixed(0)} MB`,
      '< 1 s',
    ),
    rowOf(`${count} cells whose steps do nothing, on 4 workers`, `${first.toFixed(1)} s`, ''),
    rowOf('the same found finished', `${cached.toFixed(1)} s`, ''),
    rowOf('metrics and folder of the study', `${written.toFixed(1)} s`, ''),
    rowOf('report', `${report.toFixed(1)} s`, ''),
  ]
}

function rowOf(what: string, ours: string, aim: string): Row {
  return { what, ours, peer: '', ratio: '', aim }
}

/** Bytes that are in use once what is not needed is collected. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

function planLarge(): StudyPlan {
  const prompts = Array.from({ length: promptCount }, (_, i) => `a photo of thing ${i}`)
  const study = defineStudy({
    name: 'ten-thousand',
    bases: ['tiny-hands'],
    arms: {
      baseline: {},
      lora: {
        train: { technique: lora() },
        over: {
          learningRate: Array.from({ length: rates }, (_, i) => (i + 1) * 1e-5),
          rank: Array.from({ length: ranks }, (_, i) => i + 1),
        },
      },
    },
    datasets: { hands: './hands' },
    prompts,
    seeds: 2,
    metrics: [fingerCount({ expected: { [prompts[0] as string]: 5 } })],
  })
  return planCells(study, facts)
}

const facts: StudyFacts = {
  bases: { 'tiny-hands': { sha256: sha256('base'), family: 'sd-1', imageSize: 64, parameters: 1 } },
  datasets: { hands: { sha256: sha256('hands'), images: 10 } },
  adapters: {},
  controls: {},
  classifier: { name: 'classifier', sha256: sha256('classifier'), validity: null },
  extractors: {},
  trust: [],
  code: {
    train: sha256('train'),
    sample: sha256('sample'),
    repair: sha256('repair'),
    score: sha256('score'),
    embed: sha256('embed'),
  },
  environment: { device: 'cpu' },
  versions: {},
}

async function drawNoise(file: string): Promise<void> {
  const random = new RandomStream('picture')
  const pixels = Buffer.from(Array.from({ length: 64 * 64 * 3 }, () => random.integer(64)))
  await sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toFile(file)
}

/** Leaves files as a real step does: one picture of the usual size, again and again. */
async function doNothing(cell: Cell, { folder }: StepContext, picture: string): Promise<StepResult> {
  switch (cell.kind) {
    case 'train': {
      await writeFile(join(folder, `${cell.key}.safetensors`), cell.key)
      await writeFile(join(folder, 'series.jsonl'), '')
      return {
        kind: 'train',
        result: {
          kind: 'lora',
          path: `${cell.key}.safetensors`,
          series: 'series.jsonl',
          sha256: sha256(cell.key),
          bytes: 40,
          steps: 1,
          finalLoss: 0,
          skippedSteps: 0,
          seconds: 0,
          peakMemoryBytes: 0,
          trainedParameters: 1,
          approximation: null,
          truncatedCaptions: 0,
        },
      }
    }
    case 'sample': {
      const images = cell.input.seeds.map((seed) => ({ seed, file: `${seed}.png`, width: 64, height: 64 }))
      for (const { file } of images) await copyFile(picture, join(folder, file))
      return { kind: 'sample', images, samplingSeconds: 0, peakMemoryBytes: 0, truncatedTokens: 0 }
    }
    case 'score': {
      const random = new RandomStream(cell.key)
      const judgements = Array.from({ length: cell.work }, () => ({
        fingers: random.pick([4, 5]),
        fingerProbabilities: [],
        defectProbability: random.unit(),
        features: [],
      }))
      return { kind: 'score', judgements }
    }
    case 'embed':
    case 'repair':
      throw new Error(`no arm or metric of this study has a cell of ${cell.kind}`)
  }
}
