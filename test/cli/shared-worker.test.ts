import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readImageRecipe } from '../../src/artefact/recipe.ts'
import { readRunRecord } from '../../src/artefact/record.ts'
import { readSeries } from '../../src/artefact/series.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { image, writeFolder } from '../dataset/image-folder.ts'
import { program } from './program.ts'

let folder: string
let base: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-cli-'))
  await using lab = await openTestLab()
  base = (await tinyBase(lab)).folder
  await writeFolder(join(folder, 'images'), { 'a.png': 10, 'b.png': 90, 'c.png': 200 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs the real program with the worker that the tests share. */
function phalanx(...words: string[]) {
  const endpoint = words.includes('--attach') ? [] : ['--attach', process.env.PHALANX_TEST_ENDPOINT ?? '']
  const place = [...endpoint, '--lab', join(folder, 'lab'), '--base', base]
  return execa(process.execPath, [...program, ...words, ...place], {
    reject: false,
    stdin: 'ignore',
    cwd: packageRoot(),
  })
}

test('a command attaches to a running worker, draws, and counts the tokens that do not fit', async () => {
  const output = join(folder, 'samples')
  const options = ['--seeds', '3,5', '--steps', '2', '--output', output]
  const { exitCode, stdout, stderr } = await phalanx('sample', 'a '.repeat(120).trim(), ...options)
  // 77 less a start and an end fit.
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('45 tokens of the prompt lie beyond')])
  const files = [join(output, 'seed-3.png'), join(output, 'seed-5.png')]
  expect(stdout.split('\n')).toEqual(files)
  expect(await sharp(files[0]).metadata()).toMatchObject({ format: 'png', width: 16, height: 16 })
})

test('a part of an image is drawn anew from the command line, with its recipe unless told not to', async () => {
  const image = join(folder, 'images', 'a.png')
  const mask = join(folder, 'mask.png')
  const { width, height } = await sharp(image).metadata()
  await sharp({ create: { width, height, channels: 3, background: 'white' } }).toFile(mask)
  const output = join(folder, 'inpainted')
  const options = ['--image', image, '--mask', mask, '--mask-blur', '1', '--strength', '0.5', '--steps', '4']
  const size = ['--width', String(width), '--height', String(height), '--sampler', 'heun', '--seeds', '1']
  const file = join(output, 'seed-1.png')
  const text = ['--max-tokens', '150', '--weights', '--clip-skip', '1']
  const words = ['sample', 'a (hand)', ...options, ...size, ...text, '--guidance-rescale', '0.7', '--output', output]
  expect((await phalanx(...words)).exitCode).toBe(0)
  expect((await readImageRecipe(file)).recipe).toMatchObject({
    ...{ prompt: 'a (hand)', seed: 1, sampler: 'heun', steps: 4, guidanceRescale: 0.7, zeroTerminalSnr: false },
    text: { maxTokens: 150, weights: true, clipSkip: 1 },
    image: { file: 'a.png', mask: 'mask.png', maskBlur: 1, strength: 0.5 },
  })
  expect((await phalanx(...words, '--no-recipe')).exitCode).toBe(0)
  expect(await readImageRecipe(file)).toEqual({ recipe: null, parameters: null })

  const alone = await phalanx('sample', 'a hand', '--mask', mask, '--json')
  expect([alone.exitCode, JSON.parse(alone.stdout).error.code]).toEqual([2, 'image-missing'])
  const uneven = await phalanx('sample', 'a hand', '--control', 'depth', '--json')
  expect(JSON.parse(uneven.stdout)).toMatchObject({ error: { code: 'control-picture-missing' } })
  const absurd = await phalanx('sample', 'a hand', '--sampler', 'eular', '--json')
  expect([absurd.exitCode, JSON.parse(absurd.stdout).error.message]).toEqual([2, expect.stringContaining('euler')])
})

test('a training from the command line leaves a record and tells the loss of held-out images', async () => {
  await writeFolder(join(folder, 'others'), { 'd.png': 60 })
  const settings = ['technique.rank=2', 'steps=3', 'batchSize=2', 'optimizer.learningRate=1e-2']
  const words = [
    'train',
    join(folder, 'images'),
    '--json',
    '--name',
    'small',
    '--held-out',
    join(folder, 'others'),
    '--set',
    'heldOut.every=2',
  ]
  const { exitCode, stdout } = await phalanx(...words, ...settings.flatMap((setting) => ['--set', setting]))
  expect(exitCode).toBe(0)
  const told = JSON.parse(stdout) as { folder: string; result: { heldOutLoss: number; sha256: string } }
  const record = await readRunRecord(told.folder)
  expect(record.result).toMatchObject(told.result)
  expect(record.settings).toMatchObject({ steps: 3, technique: { type: 'lora', rank: 2 } })
  expect(told.result.heldOutLoss).toBeGreaterThan(0)
  expect((await stat(join(told.folder, record.result.path))).size).toBe(record.result.bytes)
  const series = await readSeries(join(told.folder, record.result.series))
  expect(series.map(({ heldOutLoss }) => heldOutLoss !== null)).toEqual([false, true, true])
})

test('a metric named on the command line chooses the result of a training', async () => {
  await writeFolder(join(folder, 'wanted'), { '1.png': 60, '2.png': 90, '3.png': 120 })
  const settings = [
    ...['technique.rank=2', 'steps=2', 'batchSize=1', 'best.type=metric', 'best.every=1', 'best.sampling.steps=1'],
    ...['best.metric.type=kernel-distance', `best.metric.against=${join(folder, 'wanted')}`, 'best.seeds=[1,2,3]'],
    'best.metric.prompts=["a hand"]',
  ]
  const words = settings.flatMap((setting) => ['--set', setting])
  const { exitCode, stdout } = await phalanx('train', join(folder, 'images'), '--json', '--name', 'chosen', ...words)
  expect(exitCode).toBe(0)
  const told = JSON.parse(stdout) as { best: { name: string; values: { step: number }[] } }
  expect(told.best).toMatchObject({ name: 'kernel-distance', values: [{ step: 1 }, { step: 2 }] })
  const said = await phalanx('explain', ...words)
  expect(said.stdout).toContain('lowest kernel-distance of 3 pictures, measured 2 times, first after step 1')
  const wrong = await phalanx('train', join(folder, 'images'), '--json', ...words, '--set', 'best.metric.type=fid')
  expect([wrong.exitCode, JSON.parse(wrong.stdout).error.code]).toEqual([2, 'invalid-settings'])
})

test('settings come from a file, and how many images have which size is told before they are trained on', async () => {
  await writeFolder(join(folder, 'mixed'), {
    'a.png': 10,
    'b.png': await image(20, 30, 30),
    'c.png': await image(30, 40, 20),
  })
  const config = join(folder, 'settings.json')
  const settings = { technique: { type: 'lora', rank: 2 }, steps: 1, batchSize: 2, buckets: { step: 8, least: 8 } }
  await writeFile(config, JSON.stringify(settings))
  const words = ['train', join(folder, 'mixed'), '--config', config, '--set', 'steps=2', '--set', 'technique.rank=3']
  const { exitCode, stderr, stdout } = await phalanx(...words)
  expect(exitCode).toBe(0)
  expect(stderr).toContain('2 images at 16 x 16 and 1 image at 24 x 8; none is left out')
  const { settings: trained } = await readRunRecord(dirname(stdout.split('\n')[0] ?? ''))
  expect(trained).toMatchObject({ ...settings, steps: 2, technique: { type: 'lora', rank: 3 } })
})

test('DreamBooth is trained and explained from the command line', async () => {
  const settings = [
    'steps=1',
    'batchSize=2',
    'instancePrompt=a photo of sks hand',
    'classPrompt=a hand',
    'classImages=2',
  ]
  const drawing = ['classSampling.steps=1', 'classSampling.guidance=1']
  const words = ['--technique', 'full', ...[...settings, ...drawing].flatMap((setting) => ['--set', setting])]
  const told = await phalanx('explain', '--dataset', join(folder, 'images'), '--no-measure', ...words)
  expect(told.stdout).toContain('2 class images, 2 of them to be drawn first')
  const { exitCode, stdout } = await phalanx('train', join(folder, 'images'), '--json', ...words)
  expect(exitCode).toBe(0)
  const { subsets } = await readRunRecord(JSON.parse(stdout).folder)
  expect(subsets).toMatchObject([{ dataset: { images: 3 } }, { regularisation: true, dataset: { images: 2 } }])
})

test('a setting that is misspelt, and a worker that is not there, are told with the exit code of misuse or failure', async () => {
  const { exitCode, stdout } = await phalanx(
    'train',
    join(folder, 'images'),
    '--json',
    '--set',
    'optimiser.learningRate=1',
  )
  expect([exitCode, JSON.parse(stdout).error.message]).toEqual([2, expect.stringContaining('"optimizer"')])
  const lost = await phalanx('sample', 'a hand', '--json', '--attach', join(folder, 'nowhere.json'))
  expect(lost.exitCode).not.toBe(0)
  expect(JSON.parse(lost.stdout).error).toMatchObject({ name: expect.stringMatching(/Error$/) })
})
