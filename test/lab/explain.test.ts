import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  autoencoder,
  type Base,
  type Dataset,
  defectRate,
  type ExplainRequest,
  type Lab,
  lokr,
  lora,
  negativeEmbedding,
  readSeries,
  textualInversion,
} from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let dataset: Dataset
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10, 'hand/2.png': 90, 'hand/3.png': 50 })
  dataset = await lab.dataset(join(lab.folder, 'images'))
})
afterAll(() => lab?.close())

describe("the paper's own settings", () => {
  test('LoRA with convolutions on Stable Diffusion 1.5 has the parameters of kohya', async () => {
    const technique = lora({
      rank: 32,
      alpha: 1,
      convolutionRank: 8,
      convolutionAlpha: 4,
      targets: ['attention', 'mlp', 'convolution'],
    })
    const said = await lab.explain({ base: 'sd-1.5', technique, optimizer: { learningRate: 5e-4 } })
    // Per rank: 506,816 and 544,000 for 3x3 convolutions in the UNet, 165,888 in the text encoder.
    expect(said.trainedParameters).toBe(32 * (506_816 + 165_888) + 8 * 544_000)
    expect(said.layers.reduce((sum, { layers }) => sum + layers, 0)).toBe(278 + 72)
    expect(said).toMatchObject({ base: 'sd-1.5', width: 512, epochs: null, idle: [], remarks: [] })
    expect([...new Set(said.groups.map(({ learningRate }) => learningRate))]).toEqual([5e-4])
  })

  test('textual inversion says that its words were not looked up', async () => {
    const technique = textualInversion({ placeholder: '<handshake>', initialWord: 'handshake' })
    const said = await lab.explain({ base: 'sdxl-1.0', technique, steps: 5000, optimizer: { learningRate: 1e-4 } })
    expect(said).toMatchObject({ family: 'sdxl', trainedParameters: 768 + 1280, resultBytes: 4 * (768 + 1280) })
    expect(said.remarks.join(' ')).toContain('only with the vocabulary of sdxl-1.0')
  })
})

test('what chooses the result is told with what it draws, and refused where it has no effect', async () => {
  const request = { base: 'sd-1.5' as const, technique: lora(), steps: 250 }
  const metric = defectRate({ prompts: ['a hand', 'a fist'] })
  const byMetric = { type: 'metric' as const, metric, seeds: [1, 2, 3], patience: 1 }
  expect((await lab.explain(request)).best).toBeNull()
  expect((await lab.explain({ ...request, best: byMetric })).best).toEqual({
    ...{ metric: 'defect-rate', better: 'lower', steps: [100, 200, 250], pictures: 6, patience: 1 },
  })
  const held = { ...request, heldOut: { dataset, every: 125 }, best: { type: 'held-out-loss' as const } }
  expect((await lab.explain(held)).best).toMatchObject({ metric: 'held-out-loss', steps: [125, 250], pictures: 0 })
  expect(() => lab.explain({ ...request, best: { ...byMetric, every: 250 } })).toThrow(/best has no effect/)
})

test('what is said of a training is what it then does', async () => {
  const request = { base, dataset, technique: lora({ rank: 2 }), steps: 3, batchSize: 2, accumulation: 2 }
  const said = await lab.explain(request)
  expect(said).toMatchObject({ base: base.name, imagesPerStep: 4, epochs: 4 })
  expect(said.settings).toEqual((await lab.train(request).record).settings)
  const { record } = lab.train(request)
  expect(said.trainedParameters).toBe((await record).result.trainedParameters)
})

test('steps are measured where there are images and a base, and not where they are not wanted', async () => {
  const technique = lora({ rank: 2 })
  const measured = await lab.explain({ base, dataset, technique })
  expect(measured.stepCost?.seconds).toBeGreaterThan(0)
  expect(measured.memory).toMatchObject({ gradients: 4 * measured.trainedParameters, average: 0 })
  // AdamW keeps two moments of float32 and a count for each tensor.
  const tensors = measured.groups.reduce((sum, group) => sum + group.tensors, 0)
  expect(measured.memory.optimizer).toBe(8 * measured.trainedParameters + 4 * tensors)
  expect((await lab.explain({ base, dataset, technique, measure: false })).stepCost).toBeNull()
  expect((await lab.explain({ base, technique })).stepCost).toBeNull()
  const nothing = expect.objectContaining({ name: 'ConfigError', code: 'nothing-to-measure' })
  expect(() => lab.explain({ base, technique, measure: true })).toThrow(nothing)
  expect(() => lab.explain({ base: 'sd-1.5', dataset, technique, measure: true })).toThrow(nothing)
})

test('remarks', async () => {
  const remarks = async (request: Omit<ExplainRequest, 'base'>) =>
    (await lab.explain({ base, ...request })).remarks.join('\n')
  expect(await remarks({ technique: lora({ rank: 128 }) })).toContain('larger than a dimension')
  expect(await remarks({ technique: lora({ rank: 2 }), schedule: { warmupSteps: 9 }, steps: 9 })).toContain('warm-up')
  expect(await remarks({ technique: lora({ rank: 2 }), dataset, steps: 1, batchSize: 1 })).toContain('33 %')
  expect(await remarks({ technique: negativeEmbedding({ initialWord: 'hand' }) })).toBe('')
})

describe('settings without effect', () => {
  const plain = { steps: 3, batchSize: 2, seed: 4 }
  const preview = { prompts: ['a hand'], every: 3, sampling: { steps: 1, guidance: 1 } }
  const cases: readonly { idle: string; with: Omit<ExplainRequest, 'base'>; without: Omit<ExplainRequest, 'base'> }[] =
    [
      {
        idle: 'technique.convolutionRank',
        with: { technique: lora({ rank: 2, convolutionRank: 1 }) },
        without: { technique: lora({ rank: 2 }) },
      },
      {
        idle: 'technique.textEncoderLearningRate',
        with: { technique: lora({ rank: 2, parts: ['unet'], textEncoderLearningRate: 1 }) },
        without: { technique: lora({ rank: 2, parts: ['unet'] }) },
      },
      {
        idle: 'technique.unetLearningRate',
        with: { technique: lora({ rank: 2, parts: ['text-encoder'], unetLearningRate: 1 }) },
        without: { technique: lora({ rank: 2, parts: ['text-encoder'] }) },
      },
      {
        idle: 'technique.alpha',
        with: { technique: lokr({ rank: null, alpha: 9 }) },
        without: { technique: lokr({ rank: null }) },
      },
      {
        idle: 'optimizer.learningRate',
        with: {
          technique: lora({ rank: 2, parts: ['unet'], unetLearningRate: 1e-3 }),
          optimizer: { learningRate: 1e-1 },
        },
        without: { technique: lora({ rank: 2, parts: ['unet'], unetLearningRate: 1e-3 }) },
      },
      {
        idle: 'captionDropout',
        with: { technique: autoencoder(), captionDropout: 0.9 },
        without: { technique: autoencoder() },
      },
      {
        idle: 'objective',
        with: { technique: autoencoder(), objective: { weighting: { type: 'min-snr' } } },
        without: { technique: autoencoder() },
      },
      {
        idle: 'objective.noise.randomOffset',
        with: { technique: lora({ rank: 2 }), objective: { noise: { randomOffset: true } } },
        without: { technique: lora({ rank: 2 }) },
      },
      {
        idle: 'checkpointEvery',
        with: { technique: lora({ rank: 2 }), checkpointEvery: 7 },
        without: { technique: lora({ rank: 2 }) },
      },
      {
        idle: 'preview.every',
        with: { technique: lora({ rank: 2 }), preview: { ...preview, every: 9 } },
        without: { technique: lora({ rank: 2 }), preview },
      },
      {
        idle: 'preview.control',
        with: { technique: lora({ rank: 2 }), preview: { ...preview, control: 'no-such-picture.png' } },
        without: { technique: lora({ rank: 2 }), preview },
      },
      {
        idle: 'preview.negativePrompt',
        with: { technique: lora({ rank: 2 }), preview: { ...preview, negativePrompt: 'a fist' } },
        without: { technique: lora({ rank: 2 }), preview },
      },
    ]

  test.each(cases)('$idle is named where it is idle, and there it changes nothing', async ({ idle, ...requests }) => {
    const settings = async (request: Omit<ExplainRequest, 'base'>) =>
      (await lab.explain({ base, ...plain, ...request })).idle.map(({ setting }) => setting)
    expect(await settings(requests.with)).toEqual([idle])
    expect(await settings(requests.without)).toEqual([])
    expect(await learned(requests.with, 'with')).toEqual(await learned(requests.without, 'without'))
  })

  /** Losses and previews of a training: the losses after the first tell of the weights. */
  async function learned(request: Omit<ExplainRequest, 'base'>, name: string): Promise<unknown> {
    const folder = join(lab.folder, 'idle', `${crypto.randomUUID()}-${name}`)
    const run = lab.train({ ...plain, ...request, base, dataset, folder })
    const images: string[] = []
    for await (const event of run)
      if (event.type === 'image-end') images.push(Buffer.from(event.pixels).toString('hex'))
    await run
    const series = await readSeries(join(folder, 'series.jsonl'))
    return { images, losses: series.map(({ loss }) => loss) }
  }
})

test('what a training refuses is refused, and the worker lives on', async () => {
  const misspelt = { base, technique: lora({ rank: 2 }), step: 3 } as unknown as ExplainRequest
  expect(() => lab.explain(misspelt)).toThrowError(/Did you mean "steps"/)
  const unknown = lab.explain({ base: 'sd-1.5', technique: lora({ patterns: [{ match: 'unet.nothing' }] }) })
  await expect(unknown.result).rejects.toMatchObject({ name: 'ConfigError', code: 'unmatched-pattern' })
  expect((await lab.explain({ base, technique: lora({ rank: 1 }) })).layers.length).toBeGreaterThan(0)
})
