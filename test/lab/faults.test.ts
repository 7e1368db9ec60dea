import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Base, type Dataset, full, type Lab, lora, openLab } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { python } from '../worker/scripted-worker.ts'

let folder: string
let lab: Lab
let base: Base
let dataset: Dataset
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-faults-'))
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(folder, 'images'), { 'a.png': 10, 'b.png': 90, 'c.png': 200 })
  dataset = await lab.dataset(join(folder, 'images'))
})
afterAll(async () => {
  await lab?.close()
  await rm(folder, { recursive: true, force: true })
})

/** An interpreter whose files may not grow beyond so many blocks: a disk that fills up, for one process. */
async function limitedPython(blocks: number): Promise<string> {
  const script = join(folder, 'limited-python')
  await writeFile(script, `#!/bin/bash\nulimit -f ${blocks}\nexec "${python}" "$@"\n`)
  await chmod(script, 0o755)
  return script
}

async function nextStep(run: AsyncIterable<{ type: string }>): Promise<void> {
  for await (const event of run) if (event.type === 'step-end') return
}

test('a disk that fills up while a checkpoint is written: told, nothing half-written, the worker still there', async () => {
  // The base's weights are smaller than this, its optimizer's moments larger.
  const limited = await openLab({ folder: join(folder, 'limited'), python: await limitedPython(250) })
  const request = { base, dataset, technique: full(), steps: 3, batchSize: 2, checkpointEvery: 2, name: 'cramped' }
  const run = limited.train(request)
  await expect(run.result).rejects.toMatchObject({
    name: 'ArtefactError',
    code: 'disk-full',
    message: expect.stringMatching(/free some space and start the job again/),
  })
  expect(await readdir(join(run.folder, 'checkpoints'))).toEqual([])
  expect(await limited.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
  await limited.close()
  await using roomy = await openLab({ folder: join(folder, 'limited'), python })
  expect((await roomy.train(request)).description.sha256).not.toBe(base.description.sha256)
}, 180_000)

test('a loss that is no number stops the training, keeps the last good checkpoint and the worker', async () => {
  const optimizer = { learningRate: 1e30 }
  const settings = { steps: 50, batchSize: 2, checkpointEvery: 1, checkpointsKept: 1, name: 'runaway' }
  const run = lab.train({ base, dataset, technique: lora({ rank: 2 }), optimizer, ...settings })
  const error = await run.result.catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'JobError', code: 'loss-not-finite', facts: { step: expect.any(Number) } })
  const { step, checkpoint } = (error as { facts: { step: number; checkpoint: string } }).facts
  expect(step).toBeGreaterThan(1)
  expect(await readdir(join(run.folder, 'checkpoints'))).toEqual([`step-${String(step - 1).padStart(8, '0')}`])
  expect(checkpoint).toBe(join(run.folder, 'checkpoints', `step-${String(step - 1).padStart(8, '0')}`))
  expect(await lab.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
})

test('several workers share the jobs and draw what one draws', async () => {
  await using several = await openLab({ folder: join(folder, 'several'), python, workers: 2 })
  const endless = several.train({ base, dataset, technique: lora({ rank: 2 }), steps: 1_000_000, name: 'endless' })
  await nextStep(endless)
  expect(await several.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1 })).toHaveLength(1)
  endless.cancel()
  await expect(endless.result).rejects.toMatchObject({ code: 'job-cancelled' })
  const request = { base, seeds: [1, 2], steps: 20 }
  const prompts = ['a hand', 'a fist', 'an open palm', 'a hand']
  const runs = prompts.map((prompt) => several.sample({ ...request, prompts: [prompt] }))
  const drawn = await Promise.all(runs)
  const alone = await lab.sample({ ...request, prompts: ['a fist'] })
  expect(drawn.map((images) => images.length)).toEqual([2, 2, 2, 2])
  expect(drawn[1]?.[0]?.pixels).toEqual(alone[0]?.pixels)
  expect(drawn[0]?.[0]?.pixels).toEqual(drawn[3]?.[0]?.pixels)
}, 180_000)
