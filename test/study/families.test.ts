import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defineStudy, fingerCount, planStudy, runStudy } from '../../src/index.ts'
import { buildReport } from '../../src/report/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { filledTensorFile } from '../artefact/tensor-file.ts'

test('an embedding for SD 1 is not applicable on SD 2, known before the run and no score of 0', async () => {
  await using lab = await openTestLab()
  const base = await tinyBase(lab, { architecture: { family: 'sd-2' } })
  const file = join(lab.folder, 'bad-hands.safetensors')
  await writeFile(file, filledTensorFile({ emb_params: [[4, 768], 0.1] }))
  const [lora, unknown] = [join(lab.folder, 'lora.safetensors'), join(lab.folder, 'unknown.safetensors')]
  const key = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
  await writeFile(
    lora,
    filledTensorFile({ [`${key}.lora_down.weight`]: [[1, 2048], 1], [`${key}.lora_up.weight`]: [[4, 1], 1] }),
  )
  await writeFile(unknown, filledTensorFile({ emb_params: [[1, 8], 0.1] }))
  expect(await Promise.all([file, lora, unknown].map((path) => lab.adapterFamily(path)))).toEqual([
    'sd-1',
    'sdxl',
    null,
  ])
  await expect(lab.adapterFamily(join(lab.folder, 'none.safetensors'))).rejects.toMatchObject({ code: 'missing-file' })
  const prompt = 'a photo of a hand'
  const study = defineStudy({
    name: 'families',
    bases: [base.folder],
    arms: { baseline: {}, embedding: { adapters: [{ file }], negativePrompt: 'bad-hands' } },
    prompts: [prompt],
    seeds: 2,
    sampling: { steps: 1 },
    metrics: [fingerCount({ expected: { [prompt]: 5 } })],
  })
  const reason = `bad-hands.safetensors is made for sd-1, and ${base.folder} is of sd-2`
  const { plan } = await planStudy(lab, study)
  expect(plan.arms.map(({ notApplicable }) => notApplicable)).toEqual([[null], [reason]])
  const { counts, folder } = await runStudy(lab, study)
  expect(counts).toMatchObject({ failed: 0, skipped: 0, done: plan.cells.length })
  const report = await buildReport(folder)
  const { metrics } = JSON.parse(await readFile(report.json, 'utf8'))
  expect(metrics[0].rows[1]).toMatchObject({ arm: 'embedding', estimate: null, difference: null, reason })
  expect((await readFile(report.html, 'utf8')).replaceAll(/\s+/g, ' ')).toContain(`not applicable: ${reason}`)
})
