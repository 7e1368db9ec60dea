import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { labelledSamples, readCard, writeCard } from '../../experiments/finger-metric/card.ts'
import { packageRoot } from '../../src/util/package-root.ts'

test("what the classifier's card says of its validity is what its findings say", async () => {
  const classifier = join(packageRoot(), 'src/weights/finger-classifier')
  const card = await readCard(classifier)
  expect(card.validity).toContain(`On ${labelledSamples}: extra finger`)
  const folder = await mkdtemp(join(tmpdir(), 'card-'))
  await writeCard(folder, { ...card, validity: 'of an earlier card' } as typeof card)
  expect(await readFile(join(folder, 'card.json'), 'utf8')).toBe(await readFile(join(classifier, 'card.json'), 'utf8'))
  await rm(folder, { recursive: true })
})
