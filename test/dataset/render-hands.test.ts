import { access, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { controlNet, type Dataset, type Lab, renderHands } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'

let lab: Lab
let folder: string
beforeAll(async () => {
  lab = await openTestLab()
  folder = await mkdtemp(join(tmpdir(), 'phalanx-renders-'))
})
afterAll(async () => {
  await lab?.close()
  await rm(folder, { recursive: true })
})

async function drawn(name: string, options: Parameters<typeof renderHands>[1]): Promise<Dataset> {
  await renderHands(join(folder, name), options)
  return lab.dataset(join(folder, name))
}

test.each(['depth', 'edges', 'pose'] as const)('a ControlNet learns from renders and their %s', async (control) => {
  const gestures = ['open-palm', 'fist'] as const
  const dataset = await drawn(control, { count: 4, size: 16, gestures: [...gestures], control, masks: true })
  expect(dataset.items.map(({ file, fingers, defect }) => [file, fingers, defect])).toEqual([
    ['fist-001.png', 0, false],
    ['fist-002.png', 0, false],
    ['open-palm-001.png', 5, false],
    ['open-palm-002.png', 5, false],
  ])
  expect(dataset.items.every((item) => item.control !== null && item.mask !== null)).toBe(true)
  const base = await tinyBase(lab)
  const net = await lab.train({ base, dataset, technique: controlNet(), steps: 1, batchSize: 2, name: control })
  const picture = join(folder, control, 'fist-001.control.png')
  const [image] = await lab.sample({
    base,
    controls: [{ file: net.file, picture }],
    prompts: ['a hand'],
    seeds: [1],
    steps: 1,
  })
  expect(image?.width).toBe(16)
})

test('the same options give the same files and draw them once; others need another folder', async () => {
  const options = { count: 2, size: 32, seed: 7, style: 'drawing', side: 'back' } as const
  const [first, second] = [await drawn('one', options), await drawn('two', options)]
  expect(second.sha256).toBe(first.sha256)
  const before = await stat(join(folder, 'one', 'metadata.jsonl'))
  await renderHands(join(folder, 'one'), { ...options })
  expect((await stat(join(folder, 'one', 'metadata.jsonl'))).mtimeMs).toBe(before.mtimeMs)
  const taken = { name: 'ArtefactError', code: 'folder-taken' }
  await expect(renderHands(join(folder, 'one'), { ...options, seed: 8 })).rejects.toMatchObject(taken)
  await writeFile(join(folder, 'file'), '')
  await expect(renderHands(join(folder, 'file'), options)).rejects.toMatchObject(taken)
})

test('masks are white on the hand and of the size of the picture', async () => {
  await renderHands(join(folder, 'masked'), { count: 1, size: 40, gestures: ['fist'], masks: true })
  const { data, info } = await sharp(join(folder, 'masked', 'fist-001.mask.png'))
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([info.width, info.height, data[0]]).toEqual([40, 40, 0])
  expect(Math.max(...data)).toBe(255)
})

test('a stop leaves nothing, a place that is none is told, and what is asked wrongly is told before anything is drawn', async () => {
  const stopped = new AbortController()
  const onProgress = (): void => stopped.abort()
  const place = join(folder, 'stopped')
  await expect(renderHands(place, { count: 5, size: 16 }, { signal: stopped.signal, onProgress })).rejects.toThrow(
    /abort/,
  )
  await expect(access(place)).rejects.toThrow()
  expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([])
  await expect(renderHands(join(folder, 'file', 'below'), { count: 1, size: 16 })).rejects.toMatchObject({
    name: 'DatasetError',
    code: 'unwritable-folder',
  })
  const cases: [object, RegExp][] = [
    [{ count: 0 }, /count: must be at least 1/],
    [{ gestures: ['palm'] }, /must be one of/],
    [{ gestures: ['fist', 'fist'] }, /every gesture once/],
    [{ controls: 'depth' }, /Did you mean "control"/],
    [{ size: 8 }, /size: must be at least 16/],
  ]
  for (const [options, message] of cases) {
    await expect(renderHands(join(folder, 'none'), options)).rejects.toThrow(message)
  }
  await expect(access(join(folder, 'none'))).rejects.toThrow()
})
