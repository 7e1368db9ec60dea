import fc from 'fast-check'
import { expect, test } from 'vitest'
import { a1111Samplers, parseParameters, writeParameters } from '../../src/artefact/generation-parameters.ts'
import { type Recipe, recipe } from '../../src/artefact/recipe.ts'
import { samplers } from '../../src/config/sampling.ts'

const plain: Recipe = recipe.parse({
  format: 'phalanx-image',
  version: 1,
  prompt: 'a photo of a hand',
  negativePrompt: 'extra fingers',
  seed: 2 ** 53 - 1,
  sampler: 'euler-ancestral',
  steps: 20,
  guidance: 7.5,
  width: 512,
  height: 768,
  image: null,
  base: { name: 'tiny-hands', sha256: '0123456789abcdef'.repeat(4) },
  adapters: [],
})
const lora = {
  name: 'fix',
  kind: 'lora',
  strength: 0.8,
  sha256: 'a'.repeat(64),
  tensorSha256: `${'b'.repeat(11)}cd${'b'.repeat(51)}`,
} as const

test('a recipe is written in the words of A1111', () => {
  expect(writeParameters(plain)).toBe(
    'a photo of a hand\nNegative prompt: extra fingers\nSteps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 9007199254740991, Size: 512x768, Model hash: 0123456789, Model: tiny-hands',
  )
  const embedding = { ...lora, kind: 'embedding', name: 'bad' } as const
  const image = { file: 'hand.png', strength: 0.6, mask: 'mask.png', maskBlur: 4 }
  const text = writeParameters({
    ...plain,
    negativePrompt: '',
    zeroTerminalSnr: true,
    image,
    adapters: [lora, { ...lora, name: 'b' }, embedding],
  })
  expect(text.split('\n')[0]).toBe('a photo of a hand <lora:fix:0.8> <lora:b:0.8>')
  expect(text.split('\n')).toHaveLength(2)
  expect(text).toMatch(
    /, Denoising strength: 0.6, Mask blur: 4, Noise Schedule: Zero Terminal SNR, Lora hashes: "fix: bbbbbbbbbbbc, b: bbbbbbbbbbbc", TI hashes: "bad: aaaaaaaaaaaa"$/,
  )
  expect(parseParameters(text).settings).toMatchObject({
    'Lora hashes': 'fix: bbbbbbbbbbbc, b: bbbbbbbbbbbc',
    'Mask blur': '4',
  })
})

test('brackets that weighed nothing are escaped, so that A1111 weighs nothing by them', () => {
  const said = { ...plain, prompt: String.raw`a (hand:1.3), [fist] \o/`, negativePrompt: '(bad)' }
  expect(writeParameters({ ...said, text: { ...plain.text, weights: true } })).toContain(said.prompt)
  expect(parseParameters(writeParameters(said))).toMatchObject({
    prompt: String.raw`a \(hand:1.3\), \[fist\] \\o/`,
    negativePrompt: String.raw`\(bad\)`,
  })
})

test('a skipped layer is told as A1111 tells it', () => {
  const skipping = (clipSkip: number | null) =>
    parseParameters(writeParameters({ ...plain, text: { ...plain.text, clipSkip } })).settings['Clip skip']
  expect([skipping(null), skipping(1), skipping(2), skipping(12)]).toEqual([undefined, undefined, '2', '12'])
})

test('every sampler has a name of its own there', () => {
  expect(new Set(samplers.map((name) => a1111Samplers[name])).size).toBe(samplers.length)
})

test('what A1111 writes is read', () => {
  const text = `masterpiece, (hand:1.2), "palm"
second line: with a colon
Negative prompt: bad, worse
more of it
Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 12345, Size: 512x512, Model hash: 6ce0161689, Model: v1-5-pruned, Denoising strength: 0.7, Lora hashes: "fix: 0123456789ab, a \\"b\\": 0123456789ab", Version: v1.9.4`
  expect(parseParameters(text)).toEqual({
    prompt: 'masterpiece, (hand:1.2), "palm"\nsecond line: with a colon',
    negativePrompt: 'bad, worse\nmore of it',
    settings: {
      ...{ Steps: '25', Sampler: 'DPM++ 2M', 'Schedule type': 'Karras', 'CFG scale': '7', Seed: '12345' },
      ...{ Size: '512x512', 'Model hash': '6ce0161689', Model: 'v1-5-pruned', 'Denoising strength': '0.7' },
      ...{ 'Lora hashes': 'fix: 0123456789ab, a "b": 0123456789ab', Version: 'v1.9.4' },
    },
  })
  expect(parseParameters('only: a prompt')).toEqual({ prompt: 'only: a prompt', negativePrompt: '', settings: {} })
  expect(parseParameters('')).toEqual({ prompt: '', negativePrompt: '', settings: {} })
})

/** Lines without space at their ends, none of which looks like the negative prompt: all that the format can hold. */
const line = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('Steps: 1, Sampler: x, Seed: 2', '"a", \\', 'hand: five, ✋', '<lora:a:1>'),
  )
  .map((text) => text.replaceAll('\n', ' ').trim())
  .filter((text) => !text.startsWith('Negative prompt:'))
const prompt = fc.array(line, { maxLength: 4 }).map((lines) => lines.join('\n').trim())

test('prompts with newlines, quotes, commas and any letters come back', () => {
  fc.assert(
    fc.property(prompt, prompt, fc.string({ unit: 'binary', minLength: 1 }), (positive, negative, name) => {
      const base = { ...plain.base, name: name.replace(/["\\]/g, '') }
      const text = { ...plain.text, weights: true }
      const found = parseParameters(
        writeParameters({ ...plain, prompt: positive, negativePrompt: negative, base, text }),
      )
      expect(found).toMatchObject({ prompt: positive, negativePrompt: negative })
      expect(found.settings).toMatchObject({
        Steps: '20',
        Sampler: 'Euler a',
        'CFG scale': '7.5',
        Seed: '9007199254740991',
        Size: '512x768',
      })
    }),
  )
})

test('no text is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseParameters(text)).toHaveProperty('settings')
    }),
  )
})
