import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Lab } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { announcedPng, image, writeFolder } from '../dataset/image-folder.ts'
import { program } from './program.ts'

let folder: string
let lab: Lab
let base: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-bad-input-'))
  lab = await openTestLab()
  base = (await tinyBase(lab)).folder
  await writeFolder(join(folder, 'images'), { 'a.png': 10, 'b.png': 90 })
})
afterAll(async () => {
  await lab?.close()
  await rm(folder, { recursive: true, force: true })
})

interface Failure {
  readonly exitCode: number | undefined
  readonly name: string
  readonly code: string
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** Runs the real program, which must fail, with the worker that the tests share. */
async function failureOf(...words: string[]): Promise<Failure> {
  const place = words.includes('--lab') ? [] : ['--lab', join(folder, 'lab')]
  const surroundings = ['--attach', process.env.PHALANX_TEST_ENDPOINT ?? '', '--json', ...place]
  const options = { reject: false, stdin: 'ignore', cwd: packageRoot() } as const
  const { exitCode, stdout } = await execa(process.execPath, [...program, ...words, ...surroundings], options)
  return { exitCode, ...(JSON.parse(stdout) as { error: Omit<Failure, 'exitCode'> }).error }
}

test('a folder with every kind of bad image and caption: all are told at once, and nothing is begun', async () => {
  const bad = join(folder, 'bad')
  await writeFolder(bad, {
    ...{
      'good.png': 10,
      'empty.png': '',
      'text.png': 'no image',
      'cut.png': (await image(50, 200, 200)).subarray(0, 300),
    },
    'pixel.png': await image(1, 1, 1),
    'bomb.png': announcedPng(16_000, 16_000),
    'pickle.png': Buffer.from('80049500000000000000', 'hex'),
    ...{ 'long.png': 20, 'long.txt': 'x'.repeat(100 * 1024) },
    ...{ 'latin.png': 30, 'latin.txt': Buffer.from('caf\xe9', 'latin1') },
  })
  const failure = await failureOf('train', bad, '--base', base, '--set', 'steps=1')
  expect(failure).toMatchObject({ exitCode: 1, name: 'DatasetError', code: 'invalid-dataset' })
  for (const name of ['empty', 'text', 'cut', 'pixel', 'bomb', 'pickle', 'long', 'latin']) {
    expect(failure.message).toContain(`${name}.`)
  }
  expect(failure.message).not.toContain('good.png')
  expect(await readdir(join(folder, 'lab', 'runs')).catch(() => [])).toEqual([])
})

test('a folder without images, and one that is not there', async () => {
  await writeFolder(join(folder, 'hollow'), { 'notes.md': 'none' })
  const [hollow, absent] = await Promise.all([
    failureOf('train', join(folder, 'hollow'), '--base', base, '--lab', join(folder, 'lab-a')),
    failureOf('train', join(folder, 'absent'), '--base', base, '--lab', join(folder, 'lab-b')),
  ])
  expect([hollow, absent]).toMatchObject([
    { exitCode: 1, code: 'empty-dataset' },
    { exitCode: 1, code: 'missing-dataset' },
  ])
})

test('options and settings that cannot be', async () => {
  const cases: [string[], RegExp][] = [
    [['--set', 'optimizer.learningRate=-0.001'], /optimizer\.learningRate: must be/],
    [['--set', 'seed=9007199254740993'], /seed: must be/],
    [['--tecnique', 'lora'], /Did you mean --technique/],
  ]
  const failures = await Promise.all(
    cases.map(([words], i) =>
      failureOf('train', join(folder, 'images'), '--base', base, ...words, '--lab', join(folder, `lab-${i}`)),
    ),
  )
  for (const [i, [, message]] of cases.entries()) {
    expect(failures[i]).toMatchObject({ exitCode: 2, name: 'ConfigError', message: expect.stringMatching(message) })
  }
})

test('seeds beyond the integers that are exact, and a base that is no model', async () => {
  const [seeds, model] = await Promise.all([
    failureOf('sample', 'a hand', '--base', base, '--seeds', '9007199254740993', '--lab', join(folder, 'lab-c')),
    failureOf('sample', 'a hand', '--base', join(folder, 'images'), '--lab', join(folder, 'lab-d')),
  ])
  expect(seeds).toMatchObject({ exitCode: 2, message: expect.stringContaining('9007199254740991') })
  expect(model).toMatchObject({
    exitCode: 1,
    name: 'ArtefactError',
    message: expect.stringContaining('model_index.json'),
  })
})

test('a lab folder that another process has is named with that process', async () => {
  const failure = await failureOf('sample', 'a hand', '--base', base, '--lab', lab.folder)
  expect(failure).toMatchObject({ exitCode: 1, code: 'lab-in-use', facts: { pid: process.pid } })
})
