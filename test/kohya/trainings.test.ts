import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readSeries } from '../../src/artefact/series.ts'
import { workerSettings } from '../../src/config/worker.ts'
import { openCheckout } from '../../src/kohya/checkout.ts'
import { KohyaTrainings } from '../../src/kohya/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import type { RunEvent } from '../../src/worker/index.ts'
import { checkout, request } from './training.ts'

let trainings: KohyaTrainings
beforeEach(() => {
  trainings = new KohyaTrainings(workerSettings.parse({}))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await trainings.close()
})

function failureOf(run: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(run).then(
    () => 'succeeded',
    (error: unknown) => error,
  )
}

/** Resolves when the process says in its log that it listens to nothing any more. */
function asleep(folder: string): Promise<void> {
  const log = join(folder, 'kohya.log')
  return vi.waitFor(async () => expect(await readFile(log, 'utf8')).toContain('asleep'), {
    timeout: 20_000,
    interval: 50,
  })
}

test('a training tells its steps and checkpoints, and gives its file; asked again it is there', async () => {
  const subsets = [{}, { repeats: 3 }]
  const asked = await request({
    steps: 5,
    checkpointEvery: 2,
    checkpointsKept: 1,
    batchSize: 3,
    subsets,
    buckets: { upscale: false },
  })
  const run = trainings.submit(asked)
  const events: RunEvent[] = []
  for await (const event of run) events.push(event)
  expect(events[0]).toMatchObject({ type: 'log-line', text: expect.stringMatching(/^sd-scripts .* trains with /) })
  const steps = events.flatMap((event) => (event.type === 'step-end' ? [event] : []))
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5])
  expect(steps[3]).toMatchObject({ loss: 0.25, gradientNorm: 2, learningRate: 0.5, total: 5 })
  expect(events.filter(({ type }) => type === 'checkpoint-end')).toMatchObject([{ step: 2 }, { step: 4 }])
  expect(await readdir(join(asked.job.output, 'checkpoints'))).toEqual(['step-00000004'])
  const result = await run
  expect(result).toMatchObject({ kind: 'lora', steps: 5, resumedFrom: 0, finalLoss: 0.2, trainedParameters: 3 })
  expect(await readFile(result.path, 'utf8')).not.toBe('')
  expect(await trainings.submit(asked)).toEqual(result)

  const dataset = JSON.parse(await readFile(join(asked.job.output, 'kohya', 'dataset.json'), 'utf8'))
  // 15 images are seen, 8 in an epoch: two epochs.
  const repeated = [{ num_repeats: 2 }, { num_repeats: 6, image_dir: '/images-1' }]
  expect(dataset.datasets[0]).toMatchObject({ resolution: [512, 512], batch_size: 3, subsets: repeated })
  expect(dataset.datasets[0]).toMatchObject({
    enable_bucket: true,
    bucket_reso_steps: 64,
    min_bucket_reso: 256,
    max_bucket_reso: 1024,
    bucket_no_upscale: true,
  })
  const captions = JSON.parse(await readFile(join(asked.job.output, 'kohya', 'captions-1.json'), 'utf8'))
  expect(captions).toEqual({
    '/images-1/a.png': { caption: 'a photo of a.png' },
    '/images-1/b.png': { caption: 'a photo of b.png' },
  })
})

test('images that a dataset repeats become a subset of their own', async () => {
  const asked = await request({ steps: 5, batchSize: 3, subsets: [{ repeats: 2 }, {}] })
  const [first = [], second = []] = asked.items
  const items = [first.map((item, i) => ({ ...item, repeats: i + 1 })), second]
  await trainings.submit({ ...asked, items })
  const folder = join(asked.job.output, 'kohya')
  const { datasets } = JSON.parse(await readFile(join(folder, 'dataset.json'), 'utf8'))
  // 15 images are seen, 2 + 4 + 2 in an epoch: two epochs.
  expect(datasets[0].subsets).toMatchObject([{ num_repeats: 4 }, { num_repeats: 8 }, { num_repeats: 2 }])
  const captions = JSON.parse(await readFile(join(folder, 'captions-1.json'), 'utf8'))
  expect(Object.keys(captions)).toEqual(['/images/b.png'])
})

test('class images are put into folders of links with their captions, and all steps into one epoch', async () => {
  const subsets = [{ repeats: 2 }, { regularisation: true, weight: 0.5 }]
  const asked = await request({ steps: 5, batchSize: 3, subsets })
  const [own = [], classes = []] = asked.items
  const items = [own, classes.map((item, i) => (i === 0 ? { ...item, file: 'sub/c.jpg', caption: '' } : item))]
  await trainings.submit({ ...asked, items })
  const folder = join(asked.job.output, 'kohya')
  const { datasets } = JSON.parse(await readFile(join(folder, 'dataset.json'), 'utf8'))
  // 15 samples are seen, half of them class images: two epochs of four of its own.
  expect(datasets[0].subsets).toMatchObject([
    { image_dir: join(folder, 'images-0'), caption_extension: '.txt', num_repeats: 4 },
    { image_dir: join(folder, 'images-1'), caption_extension: '.txt', num_repeats: 1, is_reg: true },
  ])
  expect(await readdir(join(folder, 'images-0'))).toEqual(['000000.png', '000000.txt', '000001.png', '000001.txt'])
  expect(await readdir(join(folder, 'images-1'))).toEqual(['000000.jpg', '000001.png', '000001.txt'])
  expect(await readlink(join(folder, 'images-1', '000000.jpg'))).toBe('/images-1/sub/c.jpg')
  expect(await readFile(join(folder, 'images-0', '000000.txt'), 'utf8')).toBe('a photo of a.png')
})

test.each([[[{}]], [[{}, { regularisation: true }]]])(
  'photographs that lie on their side are given upright, which sd-scripts would not do: subsets %j',
  async (subsets) => {
    const asked = await request({ steps: 1, subsets })
    const photographs = join(asked.job.output, 'photographs')
    await mkdir(photographs)
    const pixels = sharp({ create: { width: 30, height: 20, channels: 3, background: 'red' } })
    await pixels.clone().withMetadata({ orientation: 6 }).jpeg().toFile(join(photographs, 'a.png'))
    await pixels.clone().png().toFile(join(photographs, 'b.png'))
    const placed = asked.job.subsets.map((one) => ({ ...one, dataset: { ...one.dataset, root: photographs } }))
    await trainings.submit({ ...asked, job: { ...asked.job, subsets: placed } })
    const folder = join(asked.job.output, 'kohya')
    const files =
      subsets.length === 1
        ? Object.keys(JSON.parse(await readFile(join(folder, 'captions-0.json'), 'utf8')))
        : ['000000.png', '000001.png'].map((name) => join(folder, 'images-0', name))
    const sizes = await Promise.all(files.map((file) => sharp(file).metadata()))
    expect(sizes.map(({ width, height, orientation }) => [width, height, orientation ?? 1])).toEqual([
      [20, 30, 1],
      [30, 20, 1],
    ])
  },
)

test('a step whose gradients overflow float16 is told as skipped, and norms are those without the scale', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'overflow')
  const run = trainings.submit(await request({ steps: 3, precision: 'float16' }))
  const events: RunEvent[] = []
  for await (const event of run) events.push(event)
  expect(events.filter(({ type }) => type === 'step-skip')).toMatchObject([{ step: 2, total: 3, scale: 4, skipped: 1 }])
  const steps = events.flatMap((event) => (event.type === 'step-end' ? [event] : []))
  expect(steps).toMatchObject([
    { step: 1, gradientNorm: 0.5 },
    { step: 3, gradientNorm: 0.5 },
  ])
  const result = await run
  expect(result).toMatchObject({ steps: 3, skippedSteps: 1 })
  const series = await readSeries(result.series)
  expect(series.map(({ loss }) => loss === null)).toEqual([false, true, false])
})

test('stopped on request it writes a checkpoint, and goes on from there', async () => {
  const asked = await request({ steps: 100, checkpointEvery: 100 })
  const run = trainings.submit(asked)
  const reason = new Error('enough')
  for await (const event of run) {
    if (event.type !== 'step-end') continue
    run.cancel(reason)
    break
  }
  const failure = (await failureOf(run)) as { facts: { checkpoint: string } }
  expect(failure).toMatchObject({
    code: 'job-cancelled',
    facts: { level: 'cooperative', resumable: true },
    cause: reason,
  })
  const done = Number(/step-(\d+)$/.exec(failure.facts.checkpoint)?.[1])
  expect(done).toBeGreaterThan(0)
  expect(await trainings.submit(asked)).toMatchObject({ resumedFrom: done, steps: 100 })
  const series = (await readFile(join(asked.job.output, 'series.jsonl'), 'utf8')).trim().split('\n')
  expect(series.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
})

test('captions of several lines, of which sd-scripts reads one, are refused before anything is written', async () => {
  const asked = await request({ steps: 1 })
  const items = asked.items.map((list) => list.map((item) => ({ ...item, caption: 'a hand\nfive fingers\n' })))
  expect(await failureOf(trainings.submit({ ...asked, items }))).toMatchObject({
    name: 'ConfigError',
    code: 'engine-cannot-express',
    facts: { files: ['a.png', 'b.png'] },
  })
  expect(existsSync(join(asked.job.output, 'kohya'))).toBe(false)
})

test('an exception of theirs arrives with its traceback', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'raise')
  const failure = (await failureOf(trainings.submit(await request({ steps: 3 })))) as { cause: Error }
  expect(failure).toMatchObject({ name: 'JobError', code: 'python-exception', facts: { className: 'RuntimeError' } })
  expect(failure.cause.stack).toContain('train_network.py')
})

test('a loss that is no number ends the training with the remedy', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'not-finite')
  const failure = await failureOf(trainings.submit(await request({ steps: 3 })))
  expect(failure).toMatchObject({ code: 'loss-not-finite', message: expect.stringContaining('learning rate') })
})

test('a file that holds something else than was trained is told, and is no result', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'other-file')
  const asked = await request({ steps: 2 })
  const failure = await failureOf(trainings.submit(asked))
  expect(failure).toMatchObject({ code: 'written-differently', message: expect.stringContaining('Check the disk') })
  expect(existsSync(join(asked.job.output, 'result.json'))).toBe(false)
})

test('a process that dies is told with the last lines it printed, and the next training runs', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'segfault')
  const failure = await failureOf(trainings.submit(await request({ steps: 3 })))
  expect(failure).toMatchObject({ name: 'WorkerError', code: 'engine-died', facts: { how: 'SIGSEGV' } })
  expect((failure as Error).message).toContain('about to die')
  vi.stubEnv('CHECKOUT_FAULT', '')
  expect(await trainings.submit(await request({ steps: 1 }))).toMatchObject({ steps: 1 })
})

test('one that does not listen ends when the third request kills it', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'deaf')
  const asked = await request({ steps: 3 })
  const run = trainings.submit(asked)
  const failure = failureOf(run)
  await asleep(asked.job.output)
  for (let i = 0; i < 3; i++) {
    run.cancel()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  expect(await failure).toMatchObject({ code: 'job-cancelled', facts: { level: 'killed' } })
})

test('how long it may take to listen is what the lab says', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'deaf')
  const impatient = new KohyaTrainings(workerSettings.parse({ cancelGraceSeconds: 0.2, cancelKillSeconds: 0.2 }))
  const asked = await request({ steps: 3 })
  const run = impatient.submit(asked)
  const failure = failureOf(run)
  await asleep(asked.job.output)
  run.cancel()
  expect(await failure).toMatchObject({ code: 'job-cancelled', facts: { level: 'killed' } })
  await impatient.close()
})

test('closing ends the one that runs and the one that waits', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'deaf')
  const asked = await request({ steps: 3 })
  const running = failureOf(trainings.submit(asked))
  const waiting = failureOf(trainings.submit(await request({ steps: 3 })))
  await asleep(asked.job.output)
  await trainings.close()
  expect(await running).toMatchObject({ code: 'worker-closed' })
  expect(await waiting).toMatchObject({ code: 'worker-closed' })
})

test('a folder with another training is left alone', async () => {
  const asked = await request({ steps: 1 })
  await trainings.submit(asked)
  const other = await failureOf(trainings.submit({ ...asked, config: 'f'.repeat(64) }))
  expect(other).toMatchObject({ name: 'ArtefactError', code: 'config-changed' })
  const foreign = await request({ steps: 1 })
  await writeFile(join(foreign.job.output, 'series.jsonl'), '{}\n')
  expect(await failureOf(trainings.submit(foreign))).toMatchObject({ code: 'config-changed' })
})

test('a checkout is recognised, and what is none says what it lacks', async () => {
  vi.stubEnv('KOHYA_HOME', '')
  await expect(openCheckout({ type: 'kohya' })).rejects.toMatchObject({ code: 'kohya-home-missing' })
  await expect(openCheckout({ type: 'kohya', home: join(checkout, 'library') })).rejects.toMatchObject({
    code: 'not-a-checkout',
    facts: { missing: expect.arrayContaining(['train_network.py']) },
  })
  vi.stubEnv('KOHYA_HOME', checkout)
  expect(await openCheckout({ type: 'kohya' })).toMatchObject({ home: checkout })
})

test('the process ends when whoever started it is gone, also while it sleeps', async () => {
  vi.stubEnv('CHECKOUT_FAULT', 'deaf')
  const { job, engine } = await request()
  const plan = {
    ...{ home: checkout, script: 'train_network', trainer: 'NetworkTrainer', output: job.output },
    ...{ checkpointEvery: 1, checkpointsKept: 1, resumable: true, reportDescriptor: 1 },
    arguments: ['--max_train_steps', '3', '--output_dir', job.output, '--output_name', 'hands'],
  }
  const child = execa(engine.python as string, ['-m', 'kohya_runner', JSON.stringify(plan)], {
    cwd: join(packageRoot(), 'python-worker'),
    reject: false,
  })
  await vi.waitFor(() => expect(existsSync(join(job.output, 'checkpoints', 'step-00000001'))).toBe(true), 20_000)
  child.stdin.end()
  expect((await child).exitCode).toBe(1)
})
