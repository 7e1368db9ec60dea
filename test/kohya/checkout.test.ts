import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lora, readSeries } from '../../src/index.ts'
import { openTestLab } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

const reason = 'KOHYA_HOME names no checkout of sd-scripts'
if (!process.env.KOHYA_HOME) console.log(`skipped: ${reason}`)

/** Stable Diffusion 1.5's UNet and text encoder, which sd-scripts fixes in its code; the rest as small as can be. */
const architecture = {
  unetChannels: [320, 640, 1280, 1280],
  unetLayersPerBlock: 2,
  unetAttentionHeads: 8,
  textWidth: 768,
  textLayers: 12,
  textHeads: 12,
  autoencoderChannels: [32, 32, 32, 32],
  normGroups: 32,
}

test.skipIf(!process.env.KOHYA_HOME)(
  'an unmodified sd-scripts trains a LoRA of the full layout, and its file is an adapter here',
  async () => {
    await using lab = await openTestLab()
    const folder = join(lab.folder, 'base')
    const base = await lab.createBase({ architecture, captions: ['a photo of a hand'], folder, weights: 'float16' })
    await writeFolder(join(lab.folder, 'images'), { 'a.png': 1, 'b.png': 200 })
    const dataset = await lab.dataset(join(lab.folder, 'images'), { caption: 'a photo of a hand' })
    const preview = { every: 2, prompts: ['a photo of a hand'], seeds: [3], sampling: { steps: 2 } }
    const technique = lora({ rank: 2, alpha: 1 })
    const request = { base, dataset, engine: 'kohya', technique, steps: 2 } as const
    const run = lab.train({ ...request, batchSize: 1, preview })
    const told = []
    for await (const event of run) {
      if (event.type === 'step-end') told.push({ step: event.step, finite: Number.isFinite(event.loss) })
      if (event.type === 'image-end') told.push({ seed: event.seed, bytes: event.pixels.length })
    }
    expect(told).toEqual([
      { step: 1, finite: true },
      { step: 2, finite: true },
      { seed: 3, bytes: 64 * 64 * 3 },
    ])
    const adapter = await run
    expect(adapter).toMatchObject({ kind: 'lora', metadata: { ss_network_dim: '2', ss_network_alpha: '1.0' } })
    const { engine, result } = await run.record
    expect(engine).toMatch(/^kohya@[0-9a-f]{40}/)
    // Table 1.2 of sd-scripts' own layout: 423,936 and 165,888 numbers per rank in UNet and text encoder.
    expect(result.trainedParameters).toBe(2 * (423_936 + 165_888))
    const [image] = await lab.sample({
      base,
      adapters: [adapter],
      prompts: ['a photo of a hand'],
      seeds: [1],
      steps: 1,
    })
    expect(image?.pixels.length).toBe(64 * 64 * 3)
    const classes = {
      classPrompt: 'a hand',
      classImages: 3,
      classSampling: { steps: 1, guidance: 1 },
      priorWeight: 0.5,
    }
    const booth = lab.dreamBooth({ ...request, ...classes, batchSize: 2, instancePrompt: 'a photo of sks hand' })
    const { metadata } = await booth
    // Four samples, half of them class images, of which two of the three have their turn.
    expect(metadata).toMatchObject({ ss_num_train_images: '2', ss_num_reg_images: '3', ss_prior_loss_weight: '0.5' })
    expect((await readSeries(join(booth.folder, 'series.jsonl'))).every(({ loss }) => Number(loss) > 0)).toBe(true)
  },
  900_000,
)

test.skipIf(!process.env.KOHYA_HOME)(
  'an unmodified sd-scripts stops on request and goes on where it was',
  async () => {
    // A step at this size may take longer than the patience that a lab has with a training.
    await using lab = await openTestLab({ settings: { cancelGraceSeconds: 300 } })
    const folder = join(lab.folder, 'base')
    const base = await lab.createBase({ architecture, captions: ['a photo of a hand'], folder, weights: 'float16' })
    await writeFolder(join(lab.folder, 'images'), { 'a.png': 1, 'b.png': 200 })
    const dataset = await lab.dataset(join(lab.folder, 'images'), { caption: 'a photo of a hand' })
    const request = { base, dataset, engine: 'kohya', technique: lora({ rank: 2 }), steps: 4, batchSize: 1 } as const
    const run = lab.train(request)
    for await (const event of run) {
      if (event.type !== 'step-end' || event.step < 2) continue
      run.cancel()
      break
    }
    const failure = await run.then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'job-cancelled', facts: { level: 'cooperative', resumable: true } })
    const again = lab.train(request)
    const steps: number[] = []
    for await (const event of again) if (event.type === 'step-end') steps.push(event.step)
    const { result } = await again.record
    expect(result.resumedFrom).toBeGreaterThanOrEqual(2)
    expect(steps).toEqual([1, 2, 3, 4].filter((step) => step > result.resumedFrom))
  },
  900_000,
)
