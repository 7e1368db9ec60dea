import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeRgb, encodePng } from '../../src/artefact/png.ts'
import { readPngTexts, withPngTexts } from '../../src/artefact/png-text.ts'
import { type Base, type Lab, lora, readImageRecipe } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
let side: number
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  side = base.description.imageSize
})
afterAll(() => lab?.close())

async function picture(name: string, level: (x: number) => number): Promise<string> {
  const path = join(lab.folder, name)
  const pixels = Uint8Array.from({ length: side * side * 3 }, (_, i) => level(Math.floor(i / 3) % side))
  await writeFile(path, await encodePng({ pixels, width: side, height: side }))
  return path
}

test('a drawing from an image under a mask keeps the rest, and its PNG tells how it was made', async () => {
  await writeFolder(join(lab.folder, 'images'), { 'hand/1.png': 10 })
  const dataset = await lab.dataset(join(lab.folder, 'images'))
  const adapter = await lab.train({ base, dataset, technique: lora({ rank: 2 }), steps: 1, name: 'fix' })
  const image = await picture('hand.png', (x) => (x * 11) % 256)
  const mask = await picture('mask.png', (x) => (x < side / 2 ? 255 : 0))
  const samples = await lab.sample({
    base,
    adapters: [adapter.strength(0.5)],
    prompts: ['a hand, "five" fingers\n✋'],
    seeds: [3],
    negativePrompt: 'a fist',
    sampler: 'dpmpp-2m-karras',
    steps: 4,
    image: { file: image, strength: 0.5, mask },
  })
  const path = join(lab.folder, 'drawn.png')
  await samples[0]!.save(path)
  const [given, drawn] = [await decodeRgb(image), await decodeRgb(path)]
  const kept = (_: number, i: number): boolean => Math.floor(i / 3) % side >= side / 2
  expect(drawn.pixels.filter(kept)).toEqual(given.pixels.filter(kept))
  expect(drawn.pixels).not.toEqual(given.pixels)

  const { recipe, parameters } = await readImageRecipe(path)
  expect(recipe).toMatchObject({
    ...{ prompt: 'a hand, "five" fingers\n✋', negativePrompt: 'a fist', seed: 3, sampler: 'dpmpp-2m-karras' },
    ...{ steps: 4, guidance: 7.5, width: side, height: side },
    image: { file: 'hand.png', strength: 0.5, mask: 'mask.png', maskBlur: 0 },
    base: { sha256: base.description.sha256 },
    adapters: [{ name: 'fix', kind: 'lora', strength: 0.5, sha256: adapter.sha256 }],
  })
  expect(parameters).toMatchObject({
    prompt: 'a hand, "five" fingers\n✋ <lora:fix:0.5>',
    negativePrompt: 'a fist',
    settings: {
      ...{ Steps: '4', Sampler: 'DPM++ 2M Karras', Seed: '3', Size: `${side}x${side}`, 'Denoising strength': '0.5' },
      'Lora hashes': `fix: ${recipe?.adapters[0]?.tensorSha256.slice(0, 12)}`,
    },
  })
  // Nothing of where files lie on this machine.
  expect(JSON.stringify(readPngTexts(await readFile(path)))).not.toContain(lab.folder)
})

test('without its recipe a PNG tells nothing', async () => {
  const [image] = await lab.sample({ base, prompts: ['a hand'], seeds: [1], steps: 1, recipe: false })
  const png = await image!.toPng()
  expect(readPngTexts(png)).toEqual({})
  const { exif, comments } = await sharp(png).metadata()
  expect([exif, comments]).toEqual([undefined, undefined])
  const path = join(lab.folder, 'other.png')
  await writeFile(path, png)
  expect(await readImageRecipe(path)).toEqual({ recipe: null, parameters: null })
  await writeFile(path, withPngTexts(png, { phalanx: '{"format": "phalanx-image"}' }))
  await expect(readImageRecipe(path)).rejects.toMatchObject({ name: 'ArtefactError', code: 'recipe-invalid' })
  await expect(readImageRecipe(join(lab.folder, 'none.png'))).rejects.toMatchObject({ code: 'missing-file' })
})

test('what cannot start a drawing is refused', async () => {
  const request = { base, prompts: ['a hand'], seeds: [1], steps: 2 }
  expect(() => lab.sample({ ...request, image: { file: 'x.png', maskBlur: 2 } })).toThrowError(
    expect.objectContaining({ code: 'invalid-settings' }),
  )
  const missing = lab.sample({ ...request, image: { file: join(lab.folder, 'none.png') } })
  await expect(missing).rejects.toMatchObject({ name: 'DatasetError', code: 'missing-image' })
  await expect(lab.sample({ ...request, zeroTerminalSnr: true })).rejects.toMatchObject({ code: 'zero-snr-epsilon' })
  expect(await lab.sample(request)).toHaveLength(1)
})
