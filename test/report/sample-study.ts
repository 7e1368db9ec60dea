import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import {
  type EffectRecord,
  type MetricRow,
  type StudyImage,
  type StudyRecord,
  studyRecordFile,
} from '../../src/artefact/study-record.ts'
import { RandomStream } from '../../src/util/random.ts'

export const prompts = [
  'a photo of an open palm',
  'a photo of a hand showing three fingers',
  'a photo of a handshake',
  'a photo of an apple',
]
const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
const expectedFingers: readonly (number | null)[] = [5, 3, null, null]
const chanceRight: Readonly<Record<string, number>> = {
  baseline: 0.35,
  'negative prompt': 0.4,
  LoRA: 0.8,
  'textual inversion': 0.5,
}

/** Writes a made-up study with drawn hands, for developing and testing the report; nothing in it was measured. */
export async function writeSampleStudy(folder: string): Promise<StudyRecord> {
  await mkdir(join(folder, 'images'), { recursive: true })
  const images: StudyImage[] = []
  for (const arm of Object.keys(chanceRight)) {
    for (const prompt of prompts.keys()) {
      for (const seed of seeds) {
        if (arm === 'textual inversion' && prompt === 3 && seed > 4) continue
        images.push(await drawImage(folder, arm, prompt, seed))
      }
    }
  }
  for (const name of ['lora', 'inversion']) await writeFile(join(folder, `${name}.jsonl`), lossSeries(name))
  const study = sampleRecord(images)
  await writeFile(join(folder, studyRecordFile), JSON.stringify(study))
  return study
}

async function drawImage(folder: string, arm: string, prompt: number, seed: number): Promise<StudyImage> {
  const random = new RandomStream('sample-image', prompt, seed)
  const luck = new RandomStream('sample-luck', arm, prompt, seed)
  const expected = expectedFingers[prompt] ?? null
  const right = luck.chance(chanceRight[arm] as number)
  const fingers = expected === null ? null : right ? expected : expected + luck.pick([-1, 1])
  const defectProbability = prompt === 3 ? null : right ? luck.uniform(0.02, 0.4) : luck.uniform(0.45, 0.98)
  const hue = random.integer(360)
  const skin = random.pick(['#8d5524', '#c68642', '#e0ac69', '#f1c27d', '#ffdbac'])
  const shapes = prompt === 3 ? apple(random) : hand(fingers ?? 4, skin, random)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="hsl(${hue} 25% 60%)"/>${shapes}</svg>`
  const file = `images/${arm.replaceAll(' ', '-')}-${prompt}-${seed}.png`
  await sharp(Buffer.from(svg)).png().toFile(join(folder, file))
  return { arm, prompt, seed, file, width: 64, height: 64, fingers, expectedFingers: expected, defectProbability }
}

function hand(fingers: number, skin: string, random: RandomStream): string {
  const turn = random.uniform(-20, 20)
  const lines = Array.from({ length: fingers }, (_, i) => {
    const angle = ((i - (fingers - 1) / 2) * 24 * Math.PI) / 180
    const [x, y] = [32 + Math.sin(angle) * 27, 42 - Math.cos(angle) * 27]
    return `<line x1="32" y1="42" x2="${x}" y2="${y}" stroke="${skin}" stroke-width="6" stroke-linecap="round"/>`
  })
  return `<g transform="rotate(${turn} 32 40)">${lines.join('')}<ellipse cx="32" cy="44" rx="12" ry="13" fill="${skin}"/></g>`
}

function apple(random: RandomStream): string {
  const [x, y] = [random.uniform(26, 38), random.uniform(30, 40)]
  return `<circle cx="${x}" cy="${y}" r="15" fill="#b3281e"/><line x1="${x}" y1="${y - 13}" x2="${x + 3}" y2="${y - 22}" stroke="#4b3621" stroke-width="2"/>`
}

function lossSeries(name: string): string {
  const random = new RandomStream('sample-loss', name)
  const count = name === 'lora' ? 400 : 300
  return Array.from({ length: count }, (_, i) => {
    const level = 0.06 + 0.09 * Math.exp(-i / 90) * (name === 'lora' ? 1 : 0.4)
    const loss = level * (0.4 + 1.2 * random.unit() ** 2)
    // One of them is masked.
    const sides = name === 'lora' ? { onMaskLoss: 1.5 * loss, offMaskLoss: 0.7 * loss } : {}
    return `${JSON.stringify({ step: i + 1, loss, ...sides, learningRate: 5e-4, gradientNorm: 1, seconds: 0.3 })}\n`
  }).join('')
}

function sampleRecord(images: readonly StudyImage[]): StudyRecord {
  const arm = (name: string, summary: string, negativePrompt = '') => ({
    name,
    base: 'tiny-hands',
    baseline: name === 'baseline',
    comparedWith: name === 'baseline' ? null : 'baseline',
    summary,
    prompts:
      name === 'textual inversion' ? prompts.map((prompt) => prompt.replace(/\bpalm\b|\bhand\b/, '<hand>')) : prompts,
    negativePrompt,
    settings: { train: null, negativePrompt, sampler: 'ddim' },
    missing:
      name === 'textual inversion'
        ? [{ prompt: 3, status: 'failed' as const, reason: 'The worker ran out of memory.' }]
        : [],
    sampling: { images: 32, seconds: 18.4, peakMemoryBytes: 612_000_000 },
  })
  const training = (key: string, arms: string[], kind: 'lora' | 'embedding', bytes: number, trained: number) => ({
    key,
    arms,
    kind,
    approximation: null,
    sha256: digest(key),
    bytes,
    steps: kind === 'lora' ? 400 : 300,
    trainedParameters: trained,
    finalLoss: 0.0612,
    skippedSteps: 0,
    seconds: kind === 'lora' ? 141.2 : 84.9,
    peakMemoryBytes: 890_000_000,
    series: kind === 'lora' ? 'lora.jsonl' : 'inversion.jsonl',
    truncatedCaptions: 0,
  })
  return {
    format: 'phalanx-study',
    version: 1,
    name: 'four-ways-to-better-hands',
    plan: digest('plan'),
    finished: true,
    bases: [{ name: 'tiny-hands', sha256: digest('base'), family: 'sd-1', imageSize: 64, parameters: 8_912_340 }],
    datasets: [{ name: 'palms', sha256: digest('palms'), images: 240 }],
    prompts,
    seeds,
    sampling: { sampler: 'ddim', steps: 25, guidance: 5, width: null, height: null },
    arms: [
      arm('baseline', 'the base alone'),
      arm('negative prompt', 'the base, told what to avoid', 'extra fingers, deformed hand <b>&'),
      arm('LoRA', 'rank 8, alpha 4 on attention and mlp, 400 steps of 4 images'),
      arm('textual inversion', 'the word <hand>, from “hand”, 300 steps of 4 images'),
    ],
    designs: [
      {
        family: 'LoRA',
        axes: [
          { name: 'rank', values: ['4', '8'] },
          { name: 'steps', values: ['200', '400'] },
        ],
        runs: 4,
        combinations: 4,
        resolution: null,
      },
    ],
    halving: null,
    trainings: [
      training('lora-key', ['LoRA'], 'lora', 1_840_332, 452_096),
      training('inversion-key', ['textual inversion'], 'embedding', 1_204, 128),
    ],
    images: [...images],
    metrics: sampleMetrics(),
    figures: [{ name: 'samples', type: 'grid', rows: 'arm', columns: 'seed', seeds: null }],
    failures: [
      {
        cell: 'sample-77aa',
        label: 'samples of textual inversion for “a photo of an apple”',
        arms: ['textual inversion'],
        status: 'failed',
        code: 'out-of-memory',
        message: 'The worker ran out of memory. Lower sampling.batchSize and run the study again.',
      },
    ],
    environment: { phalanx: '0.1.0', node: '20.20.2', torch: '2.13.0', device: 'cpu', requirements: digest('lock') },
    classifier: { name: 'finger-classifier', sha256: digest('classifier') },
  }
}

function sampleMetrics(): StudyRecord['metrics'] {
  const estimate = (value: number, low: number, high: number) => ({ value, low, high, method: 'Wilson score' })
  const difference = (value: number, low: number, high: number, p: number, adjustedP: number) => ({
    value,
    low,
    high,
    method: 'BCa bootstrap over seeds, 5000 draws',
    test: 'McNemar exact',
    p,
    adjustedP,
  })
  const row = (name: string, of: MetricRow['estimate'], change: MetricRow['difference']): MetricRow => ({
    arm: name,
    count: 16,
    estimate: of,
    reason: null,
    difference: change,
  })
  const effect = (axes: string[], contrast: string, change: EffectRecord['change']): EffectRecord => ({
    family: 'LoRA',
    axes,
    contrast,
    aliases: axes.length === 1 ? [] : [['alpha', 'batchSize']],
    change,
    reason: null,
  })
  return [
    {
      id: 'finger-count',
      label: 'share of hands with the right number of fingers',
      unit: 'share',
      better: 'higher',
      description: 'The finger classifier counts extended fingers; an image is right when it counts what was asked.',
      trust: null,
      validity: 'Its area under the curve on labelled samples is 0.93 (0.89 to 0.96).',
      prompts: [0, 1],
      scope: 'seeds',
      rows: [
        row('baseline', estimate(0.31, 0.14, 0.56), null),
        row('negative prompt', estimate(0.38, 0.18, 0.61), difference(0.06, -0.19, 0.31, 0.72, 0.72)),
        row('LoRA', estimate(0.81, 0.57, 0.93), difference(0.5, 0.25, 0.69, 0.004, 0.012)),
        row('textual inversion', estimate(0.5, 0.28, 0.72), difference(0.19, -0.06, 0.44, 0.21, 0.42)),
      ],
      effects: [
        effect(['rank'], '8 against 4', difference(0.22, 0.08, 0.36, 0.004, 0.012)),
        effect(['steps'], '400 against 200', difference(0.05, -0.06, 0.16, 0.4, 0.8)),
        { ...effect(['rank', 'steps'], 'interaction', null), reason: 'it is the same in all pairs' },
      ],
    },
    {
      id: 'kernel-distance',
      label: 'kernel distance to palms on finger-classifier features',
      unit: 'distance',
      better: 'lower',
      description: 'Unbiased kernel distance (polynomial, degree 3) between 16 images and 16 of “palms”.',
      validity: null,
      trust: null,
      prompts: [0],
      scope: 'seeds',
      rows: [
        row('baseline', estimate(0.42, 0.3, 0.55), null),
        row('negative prompt', estimate(0.44, 0.31, 0.58), difference(0.02, -0.09, 0.13, 0.7, 0.7)),
        row('LoRA', estimate(0.19, 0.08, 0.3), difference(-0.23, -0.35, -0.11, 0.001, 0.003)),
        { ...row('textual inversion', null, null), reason: 'a cell it needs failed' },
      ],
      effects: [],
    },
  ]
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
