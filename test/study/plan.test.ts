import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernelDistanceTo } from '../../src/config/metric.ts'
import { lora } from '../../src/config/technique.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { planCells } from '../../src/study/plan.ts'
import { sha256 } from '../../src/util/sha256.ts'
import { facts, study, studyInput } from './fixtures/sample-plan.ts'

const plan = planCells(study, facts)

describe('planCells', () => {
  it('plans two trainings, eight sets of samples, their judgements and one reference', () => {
    const kinds = plan.cells.map((cell) => cell.kind)
    expect(kinds.filter((kind) => kind === 'train')).toHaveLength(2)
    expect(kinds.filter((kind) => kind === 'sample')).toHaveLength(8)
    expect(kinds.filter((kind) => kind === 'score')).toHaveLength(9)
    expect(new Set(plan.cells.map((cell) => cell.key)).size).toBe(plan.cells.length)
  })

  it('puts every cell after those it needs', () => {
    const seen = new Set<string>()
    for (const cell of plan.cells) {
      expect(cell.needs.every((key) => seen.has(key))).toBe(true)
      seen.add(cell.key)
    }
  })

  it('words the prompts of an arm as it says, and compares with as many reference images as samples', () => {
    expect(plan.arms[3]?.prompts).toEqual(['a photo of an open <hand>', 'a photo of an apple'])
    const reference = plan.cells.find((cell) => cell.key === plan.references.get(1))
    expect(reference?.work).toBe(8)
  })

  it('keeps every key when only speed, saving or looks change', () => {
    const calm = planned({
      sampling: { batchSize: 1 },
      figures: {},
      arms: { ...studyInput.arms, lora: { train: { ...studyInput.arms.lora.train, checkpointEvery: 3 } } },
    })
    expect(calm.cells.map((cell) => cell.key)).toEqual(plan.cells.map((cell) => cell.key))
  })

  it('changes exactly the cells that depend on what changed', () => {
    const before = new Set(plan.cells.map((cell) => cell.key))
    const newOf = (change: Partial<StudyInput>, other = facts) =>
      planCells(defineStudy({ ...studyInput, ...change } as StudyInput), other)
        .cells.filter((cell) => !before.has(cell.key))
        .map((cell) => cell.label)
    const rank8 = { ...studyInput.arms, lora: { train: { technique: lora({ rank: 8 }), steps: 20 } } }
    const touched = newOf({ arms: rank8 })
    expect(touched).toHaveLength(5)
    expect(touched.every((label) => label.includes('lora'))).toBe(true)
    expect(newOf({ prompts: [...studyInput.prompts, 'a fist'], metrics: [] })).toHaveLength(4)
    expect(newOf({ name: 'renamed' })).toEqual([])
    expect(newOf({}, { ...facts, code: { ...facts.code, score: 'changed' } })).toHaveLength(9)
    expect(newOf({}, { ...facts, environment: { ...facts.environment, device: 'cuda' } })).toHaveLength(19)
    expect(newOf({}, { ...facts, versions: { node: '99' } })).toEqual([])
  })

  it('shares one training and one set of samples among equal arms', () => {
    const twins = planned({ arms: { ...studyInput.arms, again: studyInput.arms.lora } })
    expect(twins.cells).toHaveLength(plan.cells.length)
    expect(twins.cells.find((cell) => cell.kind === 'train')?.arms).toEqual(['lora', 'again'])
  })

  it('tells trainings apart by how they see which datasets', () => {
    const train = { technique: lora(), steps: 3 }
    const [dataset] = Object.keys(study.datasets) as [string]
    const arms = {
      baseline: {},
      one: { train: { ...train, dataset } },
      same: { train: { ...train, subsets: [{ dataset }] } },
      classes: { train: { ...train, subsets: [{ dataset }, { dataset, regularisation: true }] } },
    }
    const cells = planned({ arms }).cells.filter((cell) => cell.kind === 'train')
    expect(cells.map((cell) => cell.arms)).toEqual([['one', 'same'], ['classes']])
  })

  it('tells DreamBooth apart by its prompts, and leaves the keys of other trainings as they are', () => {
    const train = { technique: lora({ rank: 4 }), steps: 20 }
    const classes = { classPrompt: 'a photo of a hand', priorWeight: 0.5 }
    const arms = {
      ...studyInput.arms,
      plain: { train: { ...train, instancePrompt: null } },
      booth: { train: { ...train, ...classes }, over: { priorWeight: [0.5, 1] } },
    }
    const cells = planned({ arms }).cells.filter((cell) => cell.kind === 'train')
    expect(cells.map((cell) => cell.arms)).toEqual([
      ['lora', 'plain'],
      ['inversion'],
      ['booth priorWeight=0.5'],
      ['booth priorWeight=1'],
    ])
    expect(cells[0]?.key).toBe(plan.cells.find((cell) => cell.kind === 'train')?.key)
    expect(cells[2]?.input.dreamBooth).toMatchObject(classes)
  })

  it('shares a training among arms of different strength', () => {
    const arms = { baseline: {}, lora: { ...studyInput.arms.lora, over: { strength: [0.5, 1] } } }
    const kinds = planned({ arms }).cells.map((cell) => cell.kind)
    expect(kinds.filter((kind) => kind === 'train')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'sample')).toHaveLength(6)
  })

  it('keeps a few objects a cell, however many images', () => {
    const perCell = (seeds: number) => {
      const { cells } = planned({ seeds, metrics: [] })
      return countObjects(cells) / cells.length
    }
    expect(perCell(16)).toBeLessThan(20)
    expect(perCell(2000)).toBe(perCell(16))
  })

  it('gives a training that a metric chooses from a key of its own, by all that decides the metric', () => {
    const best = {
      type: 'metric' as const,
      metric: kernelDistanceTo('palms', { prompts: ['a photo of an open palm'] }),
      ...{ every: 5, seeds: [1, 2, 3], sampling: { steps: 4 } },
    }
    const keyOf = (chosen: object | null, more: Partial<typeof facts> = {}) => {
      const arms = { ...studyInput.arms, lora: { train: { ...studyInput.arms.lora.train, best: chosen } } }
      const planned = planCells(defineStudy({ ...studyInput, arms } as StudyInput), { ...facts, ...more })
      return planned.cells.find(({ label }) => label === 'training of lora')?.key
    }
    const [plain, chosen] = [keyOf(null), keyOf(best)]
    expect(planCells(study, facts).cells.map(({ key }) => key)).toContain(plain)
    expect(keyOf({ ...best, sampling: { steps: 4, batchSize: 2 } })).toBe(chosen)
    const others = [
      keyOf({ ...best, seeds: [1, 2, 4] }),
      keyOf({ ...best, patience: 1 }),
      keyOf(best, { datasets: { palms: { sha256: sha256('other palms'), images: 30 } } }),
      keyOf(best, { classifier: { name: 'finger-classifier', sha256: sha256('another'), validity: null } }),
      keyOf(best, { code: { ...facts.code, score: sha256('other score code') } }),
    ]
    expect(new Set([plain, chosen, ...others]).size).toBe(7)
    expect(() => keyOf({ ...best, every: 20 })).toThrow(/only the last ones/)
    expect(() => keyOf({ ...best, metric: { ...best.metric, against: 'plams' } })).toThrow(/Did you mean "palms"/)
  })

  it('gives different keys to different settings', () => {
    const settings = fc.record({
      rank: fc.integer({ min: 1, max: 64 }),
      steps: fc.integer({ min: 1, max: 50 }),
      seed: fc.integer({ min: 0, max: 9 }),
    })
    const keyOf = ({ rank, steps, seed }: { rank: number; steps: number; seed: number }) =>
      planned({ arms: { baseline: {}, lora: { train: { technique: lora({ rank }), steps, seed } } } }).arms[1]?.training
    fc.assert(
      fc.property(settings, settings, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })
})

function planned(change: object) {
  return planCells(defineStudy({ ...studyInput, ...change } as StudyInput), facts)
}

function countObjects(root: unknown): number {
  const seen = new Set<object>()
  const waiting = [root]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    waiting.push(...Object.values(value))
  }
  return seen.size
}
