import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { python } from '../worker/scripted-worker.ts'

let folder: string
let dataset: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-tiny-hands-'))
  dataset = join(folder, 'dataset')
  await writePhotographs(join(folder, 'photographs'))
  await experiment(
    'build-dataset.ts',
    '--output',
    dataset,
    '--photographs',
    join(folder, 'photographs'),
    '--share',
    '0.001',
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function experiment(name: string, ...words: string[]) {
  const program = [
    '--import',
    'tsx',
    '--conditions=phalanx-source',
    join(packageRoot(), 'experiments/tiny-hands', name),
  ]
  return execa(process.execPath, [...program, ...words], { cwd: packageRoot(), env: { PHALANX_PYTHON: python } })
}

/** Two photographs of each digit that the set learns, all different. */
async function writePhotographs(place: string): Promise<void> {
  for (const digit of [1, 2, 4]) {
    await mkdir(join(place, String(digit)), { recursive: true })
    for (const [i, red] of [20, 200].entries()) {
      const background = { r: red, g: 50 * digit, b: 90 }
      const picture = sharp({ create: { width: 80, height: 60, channels: 3, background } })
      await picture.jpeg().toFile(join(place, String(digit), `${i}.jpg`))
    }
  }
}

async function rows(name: string): Promise<{ file_name: string; text: string }[]> {
  const text = await readFile(join(dataset, name, 'metadata.jsonl'), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('the set has hands, handshakes, objects and photographs, captioned, and no picture is in both of its parts', async () => {
  const [training, heldOut] = await Promise.all(['training', 'held-out'].map(rows))
  const kinds = training!.map(({ file_name }) => file_name.replace(/-\d+\.png$/, ''))
  expect(Object.fromEntries(kinds.map((kind) => [kind, kinds.filter((other) => other === kind).length]))).toEqual({
    ...{ hand: 4, handshake: 1, object: 5, photograph: 3 },
  })
  expect(heldOut).toHaveLength(6)
  for (const { text } of [...training!, ...heldOut!]) expect(text).toMatch(/^a(n)? /)
  const pixels =
    (part: string) =>
    async ({ file_name }: { file_name: string }) => {
      const { data, info } = await sharp(join(dataset, part, file_name))
        .raw()
        .toBuffer({ resolveWithObject: true })
      expect([info.width, info.height]).toEqual([64, 64])
      return data.toString('base64')
    }
  const seen = await Promise.all(training!.map(pixels('training')))
  const unseen = await Promise.all(heldOut!.map(pixels('held-out')))
  expect(new Set([...seen, ...unseen]).size).toBe(seen.length + unseen.length)
})

test('the training goes from nothing to a base in the diffusers layout, and goes on where it was left', async () => {
  const words = ['--dataset', dataset, '--work', join(folder, 'work'), '--autoencoder-steps', '2', '--unet-steps', '2']
  const first = await experiment('train.ts', ...words)
  const trained = first.stdout.split('\n').at(-1)!
  expect(await readdir(trained)).toEqual(
    expect.arrayContaining(['model_index.json', 'unet', 'vae', 'text_encoder', 'tokenizer', 'scheduler']),
  )
  expect(first.stdout).toMatch(/tiny-hands 2 held-out loss \d/)
  const again = await experiment('train.ts', ...words)
  expect(again.stdout.split('\n').at(-1)).toBe(trained)
  expect(again.stdout).not.toContain('held-out loss')
}, 240_000)
