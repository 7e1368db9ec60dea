import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defineStudy, fingerCount, hands, runStudy, type StudyInput } from '../../src/index.ts'
import { planCells } from '../../src/study/plan.ts'
import { openTestLab } from '../../src/testing/index.ts'
import { facts, studyInput } from './fixtures/sample-plan.ts'

const prompt = 'a photo of an open palm with five fingers spread'
const quick = { threshold: 0, margin: -1, strengths: [0.8], attempts: 1, sampling: { steps: 2 } }

test('an arm that repairs shares its samples with the arm that does not, and has pictures of its own', async () => {
  await using lab = await openTestLab()
  const study = defineStudy({
    name: 'repaired',
    bases: ['tiny-hands'],
    arms: { baseline: {}, repaired: { repair: hands({ ...quick, control: { file: 'tiny-hands-depth' } }) } },
    prompts: [prompt],
    seeds: 2,
    sampling: { steps: 8, guidance: 4 },
    metrics: [fingerCount({ expected: { [prompt]: 5 } })],
  })
  const { counts, folder, record } = await runStudy(lab, study)
  // One set of samples, its repairs, and the judgements of both.
  expect(counts).toMatchObject({ total: 4, done: 4, failed: 0 })
  const pictures = new Map<string, Buffer>()
  for (const { arm, seed, file } of record.images) pictures.set(`${arm} ${seed}`, await readFile(join(folder, file)))
  expect([...pictures.keys()].toSorted()).toEqual(['baseline 1', 'baseline 2', 'repaired 1', 'repaired 2'])
  expect(
    [1, 2].some((seed) => !pictures.get(`baseline ${seed}`)?.equals(pictures.get(`repaired ${seed}`) as Buffer)),
  ).toBe(true)
  expect((await runStudy(lab, study)).counts).toMatchObject({ cached: 4, done: 0 })
}, 240_000)

test('the key of a repair follows what decides it: settings, ControlNet and code, not how many are drawn together', () => {
  const keys = (repair: object, changed: Partial<typeof facts> = {}) => {
    const study = { ...studyInput, arms: { baseline: {}, repaired: { repair } } } as StudyInput
    const { arms } = planCells(defineStudy(study), { ...facts, controls: { net: 'a' }, ...changed })
    return arms.find(({ name }) => name === 'repaired')?.samples[0]
  }
  const key = keys(hands({ control: { file: 'net' } }))
  expect(keys(hands({ control: { file: 'net' }, sampling: { batchSize: 2 } }))).toBe(key)
  expect(keys(hands({ control: { file: 'net' }, attempts: 3 }))).not.toBe(key)
  expect(keys(hands({ control: { file: 'net' } }), { controls: { net: 'b' } })).not.toBe(key)
  expect(keys(hands({ control: { file: 'net' } }), { code: { ...facts.code, repair: 'other' } })).not.toBe(key)
})

test('a misspelt setting of a repair is refused with the nearest', () => {
  const study = { ...studyInput, arms: { baseline: {}, repaired: { repair: { ...hands(), atempts: 2 } } } }
  expect(() => defineStudy(study as StudyInput)).toThrow(/attempts/)
})
