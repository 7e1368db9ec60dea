import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parseParameters, writeParameters } from '../../src/artefact/generation-parameters.ts'
import { recipe } from '../../src/artefact/recipe.ts'
import { samplers } from '../../src/config/sampling.ts'

const { A1111_HOME: home = '', A1111_PYTHON: python = '' } = process.env
const hasCheckout = home !== '' && python !== ''
const reason = 'A1111_HOME names no checkout of its web UI, or A1111_PYTHON no interpreter with torch and einops'
if (!hasCheckout) console.log(`skipped: ${reason}`)

const plain = recipe.parse({
  format: 'phalanx-image',
  version: 1,
  prompt: 'a photo of a hand',
  negativePrompt: 'extra fingers',
  seed: 3,
  sampler: 'ddim',
  steps: 20,
  guidance: 7.5,
  width: 512,
  height: 768,
  image: { file: 'hand.png', strength: 0.6, mask: 'mask.png', maskBlur: 4 },
  base: { name: 'tiny-hands', sha256: '0123456789abcdef'.repeat(4) },
  adapters: [
    { name: 'fix', kind: 'lora', strength: 0.8, sha256: 'a'.repeat(64), tensorSha256: 'b'.repeat(64) },
    { name: 'bad, worse', kind: 'embedding', strength: 1, sha256: 'a'.repeat(64), tensorSha256: 'c'.repeat(64) },
  ],
})

test.skipIf(!hasCheckout)('A1111 reads what an image says as we read it', async () => {
  const awkward = 'two "hands", [a] fist: (b:1.2)\nNegative: none, Steps: many'
  const recipes = [...samplers.map((sampler) => ({ ...plain, sampler })), { ...plain, prompt: awkward, adapters: [] }]
  const texts = recipes.map(writeParameters)
  const told = await parsed(texts)
  for (const [place, text] of texts.entries()) {
    const ours = parseParameters(text)
    const { Prompt, 'Negative prompt': negative, ...settings } = told[place] ?? {}
    expect({ prompt: Prompt, negativePrompt: negative }).toEqual({
      prompt: ours.prompt,
      negativePrompt: ours.negativePrompt,
    })
    // It takes sizes apart.
    const { Size = '', ...others } = ours.settings
    const [width = '', height = ''] = Size.split('x')
    expect(settings).toMatchObject({ ...others, 'Size-1': width, 'Size-2': height })
  }
})

async function parsed(parameters: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const folder = await mkdtemp(join(tmpdir(), 'a1111-test-'))
  try {
    const request = { task: 'texts', home, folder, parameters, prompts: [] }
    await writeFile(join(folder, 'request.json'), JSON.stringify(request))
    const side = resolve(import.meta.dirname, '../../python-worker/tests/interop/a1111_side.py')
    execFileSync(python, [side, join(folder, 'request.json')], { cwd: home, env: { ...process.env, PYTHONPATH: home } })
    const told = JSON.parse(await readFile(join(folder, 'told.json'), 'utf8'))
    return told.parameters
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
